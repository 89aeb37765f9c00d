/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the readers of the test vectors share: access to JSON fields that fails the case, naming
 * case and field, where one is missing, odd or of the wrong type, and the TAP output.
 */
#ifndef SELFTESTS_WIRE_VECTORS_H
#define SELFTESTS_WIRE_VECTORS_H

#include <stdio.h>
#include <stdlib.h>
#include <jansson.h>
#include <meshvpn/types.h>

struct vectors {
	const char *file;
	const char *aead;	/* implementation under test, for messages */
	char name[160];		/* of the case */
	u32 tests, failed;
	bool ok;		/* the case so far */
};

void vectors_begin(struct vectors *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void vectors_end(struct vectors *v);
void vectors_fail(struct vectors *v, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The keys of @obj must be those of @fields (space between), of which the ones with ? are optional. */
bool vectors_fields(struct vectors *v, const char *what, const json_t *obj, const char *fields);

/* An array that is not empty (NULL otherwise); @len if not 0 is its length. */
const json_t *vectors_array(struct vectors *v, const json_t *obj, const char *field, size_t len);

/* An integer of at most @max; 0 on failure. */
u64 vectors_int(struct vectors *v, const char *field, const json_t *value, u64 max);
bool vectors_bool(struct vectors *v, const json_t *obj, const char *field);
const char *vectors_text(struct vectors *v, const json_t *obj, const char *field);

/* Hex of at most @max bytes: how many, or -1. */
int vectors_hex(struct vectors *v, const char *field, const json_t *value, u8 *out, u32 max);
/* Hex of exactly @len bytes. */
bool vectors_bytes(struct vectors *v, const char *field, const json_t *value, u8 *out, u32 len);

/* Compare, and say where they differ. */
bool vectors_same(struct vectors *v, const char *field, const u8 *got, const u8 *want, u32 len);

void vectors_onion(struct vectors *v, const json_t *root);
void vectors_framing(struct vectors *v, const json_t *root);
void vectors_noise(struct vectors *v, const json_t *root);
void vectors_wycheproof(struct vectors *v, const json_t *root);

#endif
