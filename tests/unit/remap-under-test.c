/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * remap.c, and a way to forget a remap that panicked half way.
 *
 * On the machine nothing comes after a panic. Here the next test does, and the
 * updates that were collected must not be there any more.
 */
#include "remap.c"

#include "check.h"

void forget_batch(void)
{
	batched = 0;
}
