/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The console of a domain that is not dom0: a ring in memory.
 *
 * Called by console_write(), P=V and at the linked address alike. Only dom0 is
 * sure to reach Xen's own console; every other domain shares a page with
 * dom0, writes there, and sends an event. src/stage6-toolstack/console.c is the
 * other end.
 *
 * Source: xen/io/console.h.
 */
#include "console.h"
#include "hypercall.h"
#include "pv-memory.h"
#include "setup-hypercall.h"
#include <xen/io/console.h>

/* A paddr, since a pointer stored while running P=V would be wrong later. */
unsigned long ring_paddr;
evtchn_port_t ring_port;

//! [console_select_ring]
void console_select_ring(const struct start_info *info)
{
	pfn_t pfn = _pfn(m2p_table()[info->console.domU.mfn]);

	ring_paddr = paddr_x(pfn_to_paddr(pfn));
	ring_port = info->console.domU.evtchn;
	console_select(CONSOLE_RING);
}
//! [console_select_ring]

/* The page is mapped where the running code is: P=V, or at PAGE_OFFSET. */
static volatile struct xencons_interface *ring(void)
{
	bool linked = (vaddr_t)&ring_paddr >= LOAD_OFFSET;

	return (void *)(ring_paddr + (linked ? PAGE_OFFSET : 0));
}

/* The panic prints into the same ring, without an event. Dom0 empties it when
 * this domain has ended.
 */
static void notify(void)
{
	struct evtchn_send send = {.port = ring_port};
	static bool refused;

	if (refused)
		return;
	refused = HYPERVISOR_event_channel_op(EVTCHNOP_send, &send) != 0;
	if (refused)
		panic("console: Xen refuses to send by port %u", ring_port);
}

/* The text has to be in the ring before the index says so. */
static void publish(volatile struct xencons_interface *ring, u32 end)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ring->out_prod = end;
	notify();
}

//! [ring_write]
void ring_write(const char *text, unsigned int count)
{
	volatile struct xencons_interface *r = ring();
	u32 end = r->out_prod;

	for (; count; count--) {
		/* Full: the other side has to read first. */
		while (end - r->out_cons == sizeof(r->out)) {
			publish(r, end);
			HYPERVISOR_sched_op(SCHEDOP_yield, NULL);
		}
		r->out[MASK_XENCONS_IDX(end++, r->out)] = *text++;
	}
	publish(r, end);
}
//! [ring_write]
