/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Waiting for an event without being called back: polling.
 *
 * Called where the kernel has nothing else to do, with upcalls masked: an
 * upcall would take the pending bit that is waited for.
 */
#include "console.h"
#include "hypercall.h"
#include "xen-ops.h"

#define BITS_PER_LONG (8 * sizeof(long))

/* Polling leaves the bit set, and would return at once the next time.
 * @return whether it was set
 */
static bool clear_pending(evtchn_port_t port)
{
	unsigned long *word =
		&HYPERVISOR_shared_info->evtchn_pending[port / BITS_PER_LONG];
	unsigned long bit = 1UL << port % BITS_PER_LONG;

	return __atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST) & bit;
}

bool wait_for_ports(evtchn_port_t *ports, unsigned int count, u64 until)
{
	struct sched_poll poll = {.nr_ports = count, .timeout = until};
	bool any = false;

	if (!events_are_masked())
		panic("poll: events are not masked, and an upcall takes the bit that is waited for");
	set_xen_guest_handle(poll.ports, ports);
	hypercall_must(HYPERVISOR_sched_op(SCHEDOP_poll, &poll),
		       "sched_op(SCHEDOP_poll)");
	for (unsigned int i = 0; i < count; i++)
		any |= clear_pending(ports[i]);
	return any;
}
