/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Two guests that share a page, and ring each other's bell: GUESTS=2.
 *
 * Both run this image. What one knows of the other it reads in xenstore; the
 * domain with the lower number lends a page, the other borrows it.
 */
#ifndef PAIR_H
#define PAIR_H

#include "console.h"
#include "xen-ops.h"

#include <xen/grant_table.h>

/** The grant's number, which both know: the first that Xen leaves free. */
#define PAIR_REF GNTTAB_NR_RESERVED_ENTRIES

/** What lies in the page. */
struct shared_text {
	u32 turn; /**< whose turn it is to write: 0 the lender's, 1 the other's
		   */
	char text[64];
};

/** A page of ours, lent or to be replaced by a borrowed one. A VA. */
extern u8 pair_page[PAGE_SIZE];

/** Has Xen do one operation on grants. @p op a GNTTABOP_ number. */
void grant_table_op(unsigned int op, void *arg, const char *name);

/** Nanoseconds that the other domain may take for its part. */
#define NS_FOR_A_TURN 5000000000ULL

/** Waits for the other's bell, until a time in ns: then it panics. */
void wait_for_bell(evtchn_port_t port, u64 until);

/** Lends the page to @p peer, and takes it back. */
void lend(domid_t peer, evtchn_port_t port);

/** Borrows the page of @p peer, whose end of the channel is @p remote. */
void borrow(domid_t peer, evtchn_port_t remote);

#endif
