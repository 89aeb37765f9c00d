/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dropping privileges: see sandbox.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox.h"

#define DEFAULT_USER "_meshvpn"
#define FALLBACK_USER "nobody"

/* Sanitizers make system calls of their own and map terabytes. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZER 1
#else
#define SANITIZER 0
#endif

static int user_get(struct sandbox_user *user, const char *name)
{
	struct passwd *pw = getpwnam(name);

	if (!pw)
		return -ENOENT;
	snprintf(user->name, sizeof(user->name), "%s", pw->pw_name);
	user->uid = pw->pw_uid;
	user->gid = pw->pw_gid;
	return 0;
}

int sandbox_user_find(struct sandbox_user *user, const char *name)
{
	if (name && *name)
		return user_get(user, name);
	return user_get(user, DEFAULT_USER) ? user_get(user, FALLBACK_USER) : 0;
}

int sandbox_group_find(gid_t *gid, const char *name)
{
	struct group *gr = getgrnam(name);

	if (!gr)
		return -ENOENT;
	*gid = gr->gr_gid;
	return 0;
}

/* ---- folders ---- */

static int own(int dirfd, const char *name, const struct sandbox_user *user)
{
	struct stat st;
	int fd, ret = 0;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return 0;
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || (st.st_nlink == 1 || S_ISDIR(st.st_mode) ? fchown(fd, user->uid, user->gid) : 0))
		ret = -errno;
	close(fd);
	return ret;
}

static int own_content(int fd, const struct sandbox_user *user)
{
	DIR *dir = fdopendir(fd);
	struct dirent *de;
	int ret = 0;

	if (!dir) {
		ret = -errno;
		close(fd);
		return ret;
	}
	while (!ret && (de = readdir(dir)))
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
			ret = own(fd, de->d_name, user);
	closedir(dir);
	return ret;
}

int sandbox_directory(const char *path, const struct sandbox_user *user, mode_t mode)
{
	int fd;

	if (mkdir(path, mode) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (geteuid() == 0 && (fchown(fd, user->uid, user->gid) || fchmod(fd, mode))) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	if (geteuid() == 0)
		return own_content(fd, user);
	close(fd);
	return 0;
}

/* ---- privileges ---- */

int sandbox_harden(void)
{
	struct rlimit none = { 0, 0 }, locked = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return -errno;
	/* keys and io_uring's buffers; refused to others than root, who keep what they have */
	if (!setrlimit(RLIMIT_MEMLOCK, &locked) && !SANITIZER && mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		return -errno;
	return 0;
}

static int drop_ids(const struct sandbox_user *user, gid_t extra)
{
	gid_t groups[2] = { user->gid, extra };

	if (setgroups(extra ? 2 : 1, groups) || setresgid(user->gid, user->gid, user->gid) ||
	    setresuid(user->uid, user->uid, user->uid))
		return -errno;
	/* no way back */
	return user->uid && !setuid(0) ? -EPERM : 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	int cap;

	for (cap = 0; cap <= CAP_LAST_CAP; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

int sandbox_drop(const struct sandbox_user *user, gid_t extra)
{
	bool root = geteuid() == 0;
	int ret = 0, cap;

	/* the bounding set first: it needs CAP_SETPCAP, which setresuid() takes */
	for (cap = 0; root && cap <= CAP_LAST_CAP; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (root)
		ret = drop_ids(user, extra);
	if (!ret)
		ret = drop_capabilities();
	if (!ret && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		ret = -errno;
	/* setresuid() made us dumpable or not by a sysctl; say it again */
	if (!ret && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		ret = -errno;
	return ret;
}

/* ---- system calls ---- */

/* What the daemon and its workers do after start. */
static const char *const allowed[] = {
	"read", "write", "readv", "writev", "pread64", "pwrite64", "close", "lseek", "fsync", "fdatasync",
	"open", "openat", "stat", "fstat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2",
	"getdents64", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "fchmod",
	"ftruncate", "fcntl", "dup", "readlink", "readlinkat", "umask", "getcwd",
	"socket", "bind", "connect", "listen", "accept4", "getsockname", "getpeername", "getsockopt", "setsockopt",
	"sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "shutdown", "socketpair",
	"poll", "ppoll", "select", "pselect6", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
	"timerfd_create", "timerfd_settime", "timerfd_gettime", "eventfd2", "signalfd4", "pipe2",
	"inotify_init1", "inotify_add_watch", "inotify_rm_watch",
	"io_uring_setup", "io_uring_enter", "io_uring_register",
	"mmap", "munmap", "mprotect", "mremap", "madvise", "mlock", "mlock2", "munlock", "brk", "membarrier",
	"futex", "futex_waitv", "set_robust_list", "get_robust_list", "rseq", "sched_yield", "sched_getaffinity",
	"sched_setaffinity", "set_tid_address", "gettid", "getpid", "getppid", "getuid", "geteuid", "getgid", "getegid",
	"clone", "clone3", "exit", "exit_group", "wait4", "waitid", "restart_syscall", "kill", "tgkill",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack",
	"clock_gettime", "clock_nanosleep", "clock_getres", "nanosleep", "gettimeofday", "time",
	"getrandom", "prctl", "getrlimit", "prlimit64", "getrusage", "sysinfo", "uname", "getcpu", "ioctl",
};

/* Only an intruder makes these. */
static const char *const deadly[] = {
	"execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "mount", "umount2", "pivot_root",
	"chroot", "setns", "unshare", "init_module", "finit_module", "delete_module", "kexec_load",
	"kexec_file_load", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key",
	"setuid", "setreuid", "setresuid", "setgid", "setregid", "setresgid", "setgroups", "reboot", "swapon",
	"open_by_handle_at", "move_mount", "fsopen", "pidfd_getfd", "personality", "acct", "quotactl", "iopl", "ioperm",
};

static int add_rules(scmp_filter_ctx ctx, u32 action, const char *const *names, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]), ret;

		/* not every call is on every architecture and in every libseccomp */
		if (nr == __NR_SCMP_ERROR || nr < 0)
			continue;
		ret = seccomp_rule_add(ctx, action, nr, 0);
		if (ret)
			return ret;
	}
	return 0;
}

/* Elements of maps that were handed to us, nothing else: bpf(2) commands 1 to 3. */
static int add_maps(scmp_filter_ctx ctx)
{
	int ret = 0;
	u32 cmd;

	for (cmd = BPF_MAP_LOOKUP_ELEM; !ret && cmd <= BPF_MAP_DELETE_ELEM; cmd++)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(bpf), 1, SCMP_A0_32(SCMP_CMP_EQ, cmd));
	return ret;
}

int sandbox_seccomp(void)
{
	scmp_filter_ctx ctx;
	int ret;

	if (SANITIZER)
		return -ENOSYS;
	ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!ctx)
		return -ENOMEM;
	ret = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!ret)
		ret = add_rules(ctx, SCMP_ACT_KILL_PROCESS, deadly, sizeof(deadly) / sizeof(*deadly));
	if (!ret)
		ret = add_rules(ctx, SCMP_ACT_ALLOW, allowed, sizeof(allowed) / sizeof(*allowed));
	if (!ret)
		ret = add_maps(ctx);
	if (!ret)
		ret = seccomp_load(ctx);
	seccomp_release(ctx);
	return ret;
}
