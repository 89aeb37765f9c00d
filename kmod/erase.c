// SPDX-License-Identifier: GPL-2.0
/* When all keys are erased: see erase.h. The daemon finds its objects gone and makes new ones. */
#include <linux/notifier.h>
#include <linux/random.h>
#include <linux/suspend.h>

#include "erase.h"
#include "node.h"
#include "onion.h"

/* Machines that sleep all the time (phones) are told from others by how their kernel is made. */
#define SLEEPS_OFTEN (IS_ENABLED(CONFIG_PM_AUTOSLEEP) || IS_ENABLED(CONFIG_PM_USERSPACE_AUTOSLEEP))

static int sleeping(struct notifier_block *nb, unsigned long action, void *data)
{
	if (action == PM_HIBERNATION_PREPARE || (action == PM_SUSPEND_PREPARE && !SLEEPS_OFTEN))
		mv_node_flush_all();
	return NOTIFY_DONE;
}

static struct notifier_block sleep_notifier = { .notifier_call = sleeping };

static int copied(struct notifier_block *nb, unsigned long action, void *data)
{
	mv_onion_forget();
	mv_node_flush_all();
	return NOTIFY_DONE;
}

static struct notifier_block copy_notifier = { .notifier_call = copied };

int mv_erase_init(void)
{
	int err = register_pm_notifier(&sleep_notifier);

	if (err)
		return err;
	err = register_random_vmfork_notifier(&copy_notifier);
	if (err)
		unregister_pm_notifier(&sleep_notifier);
	return err;
}

void mv_erase_exit(void)
{
	unregister_random_vmfork_notifier(&copy_notifier);
	unregister_pm_notifier(&sleep_notifier);
}
