// SPDX-License-Identifier: GPL-2.0
/*
 * A module with one bug of each kind, committed on request, to see that tools/vm reports it: a test
 * run that says nothing is worth something only if the same run would have said this. It is loaded
 * in guests only, and shares nothing with the module that is under test.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static char *bug = "none";
module_param(bug, charp, 0444);
MODULE_PARM_DESC(bug, "which one");

static DEFINE_SPINLOCK(left);
static DEFINE_SPINLOCK(right);
static DEFINE_MUTEX(sleepy);
static int __rcu *pointer;
static struct kmem_cache *cache;
/* what the compiler must not know */
static volatile unsigned int many = 40;
static volatile int sink;

/* both orders, one after the other: nothing hangs, but it could have */
static void plant_inversion(void)
{
	spin_lock(&left);
	spin_lock(&right);
	spin_unlock(&right);
	spin_unlock(&left);

	spin_lock(&right);
	spin_lock(&left);
	spin_unlock(&left);
	spin_unlock(&right);
}

static void plant_sleep(void)
{
	spin_lock(&left);
	mutex_lock(&sleepy);
	mutex_unlock(&sleepy);
	spin_unlock(&left);
}

static void plant_rcu(void)
{
	sink = !rcu_dereference(pointer);
}

static void plant_use_after_free(void)
{
	char *p = kmalloc(many, GFP_KERNEL);

	if (!p)
		return;
	OPTIMIZER_HIDE_VAR(p);
	kfree(p);
	sink = READ_ONCE(*p);
}

static void plant_out_of_bounds(void)
{
	char *p = kmalloc(many, GFP_KERNEL);

	if (!p)
		return;
	OPTIMIZER_HIDE_VAR(p);
	WRITE_ONCE(p[many], 1);
	kfree(p);
}

static void plant_shift(void)
{
	sink = 1 << many;
}

static void plant_leftover(void)
{
	cache = kmem_cache_create("planted", 64, 0, SLAB_NO_MERGE, NULL);
	if (cache)
		sink = !kmem_cache_alloc(cache, GFP_KERNEL);
}

static void plant_unfreed(void)
{
	sink = !kmalloc(many, GFP_KERNEL);
}

static const struct planted {
	const char *name;
	void (*plant)(void);
} planted[] = {
	{ "inversion", plant_inversion },
	{ "sleep", plant_sleep },
	{ "rcu", plant_rcu },
	{ "use-after-free", plant_use_after_free },
	{ "out-of-bounds", plant_out_of_bounds },
	{ "shift", plant_shift },
	{ "leftover", plant_leftover },
	{ "unfreed", plant_unfreed },
};

static int __init planted_init(void)
{
	size_t i;

	if (!strcmp(bug, "none"))
		return 0;
	for (i = 0; i < ARRAY_SIZE(planted); i++) {
		if (strcmp(bug, planted[i].name))
			continue;
		planted[i].plant();
		return 0;
	}
	return -EINVAL;
}

static void __exit planted_exit(void)
{
	/* an object is still in there, which is the bug called leftover */
	kmem_cache_destroy(cache);
}

module_init(planted_init);
module_exit(planted_exit);
MODULE_DESCRIPTION("bugs to be found");
MODULE_LICENSE("GPL");
