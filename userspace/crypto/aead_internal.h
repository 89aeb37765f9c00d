/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the implementations of aead.h share among themselves, and what their tests reach into.
 * Nothing outside of crypto and its tests includes this.
 */
#ifndef MESHVPN_CRYPTO_AEAD_INTERNAL_H
#define MESHVPN_CRYPTO_AEAD_INTERNAL_H

#include "crypto/aead.h"

#define CHACHA_BLOCK 64

bool aead_sodium_usable(void);
void aead_sodium_run(struct aead_job *jobs, unsigned int n);

#endif
