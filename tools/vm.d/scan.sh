# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# Decides for tools/vm how a run ended: by what the kernel said, whether the module could be
# unloaded, and the command's status, in this order. A kernel that complained has failed the test,
# whatever the command thinks.

# the first lines of the kernel's complaints; messages that only name such a thing (the command
# line, sanitizers' greetings) are none
splat='WARNING: |\bBUG: |KASAN: |UBSAN: |INFO: possible |INFO: suspicious |INFO: trying to register non-static'
splat+='|INFO: task .* blocked|INFO: rcu|rcu: INFO:|suspicious RCU usage|possible circular locking|inconsistent lock state'
splat+='|invalid wait context|bad unlock balance|held lock freed|lock held when returning|still has locks held|locks held by'
splat+='|DEBUG_LOCKS_WARN_ON|lockdep is turned off|sleeping function called|scheduling while atomic|Voluntary context switch'
splat+='|allocated at module unload|Objects remaining|Slab cache still has objects|refcount_t: |ref_tracker: |ODEBUG: |list_(add|del) corruption|leaked .*(reference|object)'
splat+='|unregister_netdevice: waiting|Oops|general protection fault|unable to handle|Kernel mode fault|kernel NULL pointer'
splat+='|Kernel panic|Bad page (state|map)|double free|corrupted (stack|list)|stack-protector|unreferenced object|soft lockup|hard LOCKUP'
splat+='|workqueue lockup|Kernel stack overflow|Segfault with no mm|page allocation failure: order:0.*GFP_KERNEL\b.*meshvpn'

# reports FILE: the complaints in it, with what follows them, as far as one wants to read
reports() {
	tr -d '\r' <"$1" | awk -v splat="$splat" '
		/[Cc]ommand line|not ok |# .*: / { next }
		$0 ~ splat && !left { if (++n > 3) exit; if (n > 1) print "  ..."; left = 45 }
		left > 0 { print "  " $0; left-- }'
}

complaints() {
	tr -d '\r' <"$state/console" | grep -vi 'command line' | grep -E "$splat"
}

tail_of_console() {
	if [[ -s $state/console ]]; then
		echo "the kernel's last lines:"
		tr -d '\r' <"$state/console" | tail -n 25 | sed 's/^/  /'
	else
		echo "the kernel said nothing"
	fi >&2
	[[ ! -s $state/qemu.log ]] || sed 's/^/  qemu: /' "$state/qemu.log" >&2
}

# the results of the tests in the module, as the kernel printed them; those of the boot are none
kunit_results() {
	tr -d '\r' <"$state/console" | sed 's/^\[ *[0-9.]*\] //' |
		awk '/^KTAP version/ { n++ } n > 1 && /^ *(KTAP|1\.\.|ok|not ok|#)/ { print; if (/^ *ok/) ok++; if (/^ *not ok/) bad++ }
			END { if (!ok) print "tools/vm: the module ran no tests of its own"; exit !ok || bad }'
}

# judge: exits
judge() {
	local status unload='' said how
	status=$(cat "$state/status" 2>/dev/null) || status=
	said=$(complaints) || said=
	[[ ! -e $state/unload ]] || unload=$(<"$state/unload")

	if [[ $expect ]]; then
		if ! grep -qE -- "$expect" <<<"$said"; then
			echo "tools/vm: $kernel was expected to complain ($expect) and did not${said:+, it said this instead:}" >&2
			[[ ! $said ]] || reports "$state/console" >&2
			exit 70
		fi
		# after that, how it ended is of no interest as long as it did
		((rc != 137)) || [[ $status ]] || exit 124
		exit "${status:-0}"
	fi
	if [[ $said ]]; then
		how=
		[[ ! $status ]] || how=" (the command ended with $status)"
		[[ $status ]] || ((rc != 137)) || how=" (and was not done after $timeout s)"
		echo "tools/vm: $kernel complained$how:" >&2
		reports "$state/console" >&2
		[[ ! $unload ]] || echo "tools/vm: and $unload" >&2
		exit 70
	fi
	if [[ $unload ]]; then
		echo "tools/vm: $kernel: $unload" >&2
		exit 70
	fi
	if [[ ! $status ]]; then
		if ((rc == 137)); then
			echo "tools/vm: $kernel: not done after $timeout s; next: --timeout=S, or see where it hangs with --console=FILE" >&2
			tail_of_console
			exit 124
		fi
		echo "tools/vm: $kernel ended (status $rc) before the command did; next: --console=FILE keeps all it said" >&2
		tail_of_console
		exit 71
	fi
	# bits 5, 7, 9 and 14: bad page, died, warned, soft lockup; for complaints that no pattern knows
	if (($(cat "$state/tainted" 2>/dev/null || echo 0) & (1 << 5 | 1 << 7 | 1 << 9 | 1 << 14))); then
		echo "tools/vm: $kernel is tainted by a warning or worse; next: --console=FILE" >&2
		tail_of_console
		exit 70
	fi
	[[ ! $kunit ]] || kunit_results || exit 1
	exit "$status"
}
