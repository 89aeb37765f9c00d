// SPDX-License-Identifier: GPL-2.0-or-later
/* The tests of build.c over the real link engine. */
#define REAL_LINK
#include "build.c"
