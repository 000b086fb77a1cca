/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * xenstore: names and values that a domain can ask dom0 for.
 *
 * A tree like a file system's. A domain's own part of it is /local/domain/ID;
 * a path that does not begin with a slash begins there. Questions and answers
 * are messages, a header and some text, in two rings of one shared page.
 *
 * Source: xen/io/xs_wire.h; docs/misc/xenstore.txt in Xen's tree.
 */
#ifndef XENSTORE_H
#define XENSTORE_H

#include "types.h"

#include <xen/io/xs_wire.h>

/** The page that both sides share. */
typedef volatile struct xenstore_domain_interface store_page_t;

/** @{ Copies between one of the page's rings and memory; moves the index. */
void store_ring_put(volatile char *ring, u32 *at, const void *from, u32 count);
void store_ring_get(const volatile char *ring, u32 *at, void *to, u32 count);
/** @} */

/**
 * Asks for one value. Not for dom0, nor before events are set up.
 *
 * @param path of the key
 * @param value receives the value, or why there is none ("ENOENT"), with a 0
 * @param room bytes there
 * @return whether it is a value
 */
bool xenstore_read(const char *path, char *value, u32 room);

#endif
