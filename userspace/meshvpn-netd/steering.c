/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which queue of a TUN device a packet goes to: a small eBPF program
 * (TUNSETSTEERINGEBPF) looks its inner address up in a map that the daemon's datapath fills, so
 * that packets arrive at the worker that owns their circuit. An address that is not there goes to
 * queue 0, whose worker passes it on.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "netd_internal.h"

#define STEERING_ADDRESSES 16384	/* least recently used go first */
#define KEY (-16)			/* 16 bytes of stack: IPv4 in the last four */
#define VERSION (-24)			/* one byte */

#define INSN(c, d, s, o, i) { .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) }
#define MOV(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define SET(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ADD(d, i) INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define SHR(d, i) INSN(BPF_ALU64 | BPF_RSH | BPF_K, d, 0, 0, i)
#define ZERO8(o) INSN(BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, o, 0)
#define LOAD(size, d, s, o) INSN(BPF_LDX | BPF_MEM | (size), d, s, o, 0)
#define CALL(f) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define JUMP(o) INSN(BPF_JMP | BPF_JA, 0, 0, o, 0)
#define JEQ(d, i, o) INSN(BPF_JMP | BPF_JEQ | BPF_K, d, 0, o, i)
#define JNE(d, i, o) INSN(BPF_JMP | BPF_JNE | BPF_K, d, 0, o, i)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static int bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int map_make(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_LRU_HASH, .key_size = 16, .value_size = 4,
		.max_entries = STEERING_ADDRESSES,
	};

	return bpf(BPF_MAP_CREATE, &attr);
}

static int program_load(int map, bool source)
{
	const struct bpf_insn insns[] = {
		MOV(BPF_REG_6, BPF_REG_1),
		ZERO8(KEY),
		ZERO8(KEY + 8),
		/* the version of the packet */
		SET(BPF_REG_2, 0),
		MOV(BPF_REG_3, BPF_REG_10), ADD(BPF_REG_3, VERSION),
		SET(BPF_REG_4, 1),
		CALL(BPF_FUNC_skb_load_bytes),
		JNE(BPF_REG_0, 0, 23),
		LOAD(BPF_B, BPF_REG_0, BPF_REG_10, VERSION),
		SHR(BPF_REG_0, 4),
		MOV(BPF_REG_3, BPF_REG_10),
		JEQ(BPF_REG_0, 4, 5),
		JNE(BPF_REG_0, 6, 18),
		SET(BPF_REG_2, source ? 8 : 24),
		ADD(BPF_REG_3, KEY),
		SET(BPF_REG_4, 16),
		JUMP(3),
		SET(BPF_REG_2, source ? 12 : 16),
		ADD(BPF_REG_3, KEY + 12),
		SET(BPF_REG_4, 4),
		MOV(BPF_REG_1, BPF_REG_6),
		CALL(BPF_FUNC_skb_load_bytes),
		JNE(BPF_REG_0, 0, 8),
		INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map), INSN(0, 0, 0, 0, 0),
		MOV(BPF_REG_2, BPF_REG_10), ADD(BPF_REG_2, KEY),
		CALL(BPF_FUNC_map_lookup_elem),
		JEQ(BPF_REG_0, 0, 2),
		LOAD(BPF_W, BPF_REG_0, BPF_REG_0, 0),
		EXIT,
		SET(BPF_REG_0, 0),
		EXIT,
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insns = (u64)(uintptr_t)insns,
		.insn_cnt = sizeof(insns) / sizeof(insns[0]), .license = (u64)(uintptr_t)"GPL",
	};

	return bpf(BPF_PROG_LOAD, &attr);
}

int steering_attach(int queue, bool source)
{
	int map = map_make(), program = map < 0 ? -1 : program_load(map, source), ret = 0;

	if (program < 0 || ioctl(queue, TUNSETSTEERINGEBPF, &program))
		ret = -errno;
	if (program >= 0)
		close(program);		/* the device holds it */
	if (ret && map >= 0)
		close(map);
	return ret ? ret : map;
}
