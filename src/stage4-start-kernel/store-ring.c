/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Bytes into a ring of xenstore's, and out of it.
 *
 * Called by both ends: xenstore.c here, the guest's, and stage 6's store.c,
 * dom0's. An index only ever grows, and its lower bits say where in the ring.
 * Neither end may believe the other's index: it is used masked.
 */
#include "xenstore.h"

void store_ring_put(volatile char *ring, u32 *at, const void *from, u32 count)
{
	const char *bytes = from;

	while (count--)
		ring[MASK_XENSTORE_IDX((*at)++)] = *bytes++;
}

void store_ring_get(const volatile char *ring, u32 *at, void *to, u32 count)
{
	char *bytes = to;

	while (count--)
		*bytes++ = ring[MASK_XENSTORE_IDX((*at)++)];
}
