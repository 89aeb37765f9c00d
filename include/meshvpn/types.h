/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The few types and byte accessors that the shared headers need, once for kernel, BPF and
 * userspace. Everything under include/meshvpn is compiled unchanged in all three: no allocation,
 * no libc, no floating point, no 128-bit integers, bounded loops.
 */
#ifndef MESHVPN_TYPES_H
#define MESHVPN_TYPES_H

#if defined(__KERNEL__)
#include <linux/types.h>
#include <linux/string.h>
#elif defined(__BPF__) || defined(__bpf__)
#ifndef __VMLINUX_H__
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef _Bool bool;
#endif
#define MV_OWN_MEM 1
#elif defined(MV_FREESTANDING)
/* as the kernel compiles, without the kernel's headers: the wire test builds this way */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef _Bool bool;
#define MV_OWN_MEM 1
#else
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
#endif

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#ifdef MV_OWN_MEM
#define mv_memcpy(d, s, n) __builtin_memcpy(d, s, n)
#define mv_memset(d, c, n) __builtin_memset(d, c, n)
#else
#define mv_memcpy(d, s, n) memcpy(d, s, n)
#define mv_memset(d, c, n) memset(d, c, n)
#endif

/* Copy and zero of lengths that are known only at run time. */
#if defined(__BPF__) || defined(__bpf__)
/* no libcalls there: the empty asm keeps the compiler from making memcpy() of the loop */
static __always_inline void mv_copy(u8 *d, const u8 *s, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		d[i] = s[i];
		__asm__ volatile("" ::: "memory");
	}
}

static __always_inline void mv_zero(u8 *d, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		d[i] = 0;
		__asm__ volatile("" ::: "memory");
	}
}
#else
static __always_inline void mv_copy(u8 *d, const u8 *s, u32 n)
{
	mv_memcpy(d, s, n);
}

static __always_inline void mv_zero(u8 *d, u32 n)
{
	mv_memset(d, 0, n);
}
#endif

/* Little-endian and big-endian access to unaligned bytes. */
static __always_inline u16 mv_get_le16(const u8 *p)
{
	return (u16)(p[0] | p[1] << 8);
}

static __always_inline u32 mv_get_le32(const u8 *p)
{
	return (u32)p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

static __always_inline u64 mv_get_le64(const u8 *p)
{
	return (u64)mv_get_le32(p) | (u64)mv_get_le32(p + 4) << 32;
}

static __always_inline u16 mv_get_be16(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

static __always_inline u32 mv_get_be32(const u8 *p)
{
	return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | (u32)p[3];
}

static __always_inline void mv_put_le16(u8 *p, u16 v)
{
	p[0] = (u8)v;
	p[1] = (u8)(v >> 8);
}

static __always_inline void mv_put_le32(u8 *p, u32 v)
{
	p[0] = (u8)v;
	p[1] = (u8)(v >> 8);
	p[2] = (u8)(v >> 16);
	p[3] = (u8)(v >> 24);
}

static __always_inline void mv_put_le64(u8 *p, u64 v)
{
	mv_put_le32(p, (u32)v);
	mv_put_le32(p + 4, (u32)(v >> 32));
}

static __always_inline void mv_put_be16(u8 *p, u16 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static __always_inline void mv_put_be32(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 24);
	p[1] = (u8)(v >> 16);
	p[2] = (u8)(v >> 8);
	p[3] = (u8)v;
}

#endif
