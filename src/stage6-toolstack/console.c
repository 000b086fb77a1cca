/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The other end of a guest's console: what it writes becomes lines of ours.
 *
 * Opened by build_guest(), drained by serve() for as long as the guest lives.
 * The guest and dom0 share a page with a ring of bytes and two indexes, which
 * only ever grow; an event channel says that there is something new. The guest
 * may write anything there at any moment, so no index is used unmasked.
 *
 * Source: xen/io/console.h.
 */
#include "hypercall.h"
#include "toolstack.h"
#include "xen-ops.h"

static u8 ring_pages[MAX_GUESTS][PAGE_SIZE]
	__attribute__((aligned(PAGE_SIZE), section(".bss.page_aligned")));

//! [console_open]
void console_open(struct guest *guest)
{
	guest_clear(guest, (u64)guest->console << PAGE_SHIFT, PAGE_SIZE);
	guest->ring = (void *)ring_pages[guest->number];
	map_foreign(guest->ring, guest->id, guest_mfn(guest, guest->console));
}
//! [console_open]

static void end_line(struct guest *guest)
{
	guest->line[guest->used] = '\0';
	printk("[domain %u] %s\n", guest->id, guest->line);
	guest->used = 0;
}

/* What would move the reader's cursor, or end the text, is shown as a dot. */
static void put(struct guest *guest, u8 c)
{
	if (c == '\n' || guest->used == sizeof(guest->line) - 1)
		end_line(guest);
	if (c != '\n' && c != '\r')
		guest->line[guest->used++] = c >= ' ' || c == '\t' ? c : '.';
}

void report_nonsense(struct guest *guest, const char *ring, u32 prod, u32 cons)
{
	if (!guest->nonsense)
		printk("toolstack: domain %u wrote nonsense into its %s ring: producer %#x, consumer %#x\n",
		       guest->id, ring, prod, cons);
	guest->nonsense = true;
}

//! [console_drain]
void console_drain(struct guest *guest)
{
	volatile struct xencons_interface *ring = guest->ring;
	u32 at = ring->out_cons, end = ring->out_prod;

	if (at == end)
		return;
	if (end - at > sizeof(ring->out)) {
		report_nonsense(guest, "console", end, at);
		at = end - sizeof(ring->out);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (; at != end; at++)
		put(guest, ring->out[MASK_XENCONS_IDX(at, ring->out)]);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ring->out_cons = at;

	/* It may be waiting for room. */
	notify_remote(guest->console_ours);
}
//! [console_drain]

void console_close(struct guest *guest)
{
	const volatile struct xencons_interface *ring = guest->ring;

	if (guest->used)
		end_line(guest);
	/* The guest has ended, and its ring was drained after that. */
	if (ring->out_cons != ring->out_prod)
		panic("toolstack: domain %u's console: at its end the producer is %#x, and the consumer %#x",
		      guest->id, ring->out_prod, ring->out_cons);
	unmap_foreign(guest->ring);
	guest->ring = NULL;
}
