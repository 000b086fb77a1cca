/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The guest's life, seen from dom0: it runs, prints, ends, and is removed.
 *
 * Called by start_kernel() with a domain that is complete and paused. Dom0
 * only polls its channels here, with upcalls masked.
 */
#include "hypercall.h"
#include "toolstack.h"
#include "xen-ops.h"

/** Nanoseconds of the machine's time that a guest may run, and take to go. */
#define NS_TO_LIVE 20000000000ULL
#define NS_TO_GO   1000000000ULL

/* Xen answers for the next domain if this one is gone: so compare. */
static bool still_there(const struct guest *guest, u32 *flags)
{
	struct xen_domctl op = {};
	long ret = domctl(&op, XEN_DOMCTL_getdomaininfo, guest->id);

	if (ret == -XEN_ESRCH)
		return false;
	hypercall_must(ret, "domctl(getdomaininfo) of domain %u", guest->id);
	*flags = op.u.getdomaininfo.flags;
	return op.domain == guest->id;
}

static evtchn_port_t exception_port; /* VIRQ_DOM_EXC: a domain ended or went */

static void start(const struct guest *guest)
{
	struct xen_domctl op = {};

	mask_events(true);
	exception_port = bind_virq(VIRQ_DOM_EXC, NULL);
	hypercall_must(domctl(&op, XEN_DOMCTL_unpausedomain, guest->id),
		       "domctl(unpausedomain) of domain %u", guest->id);
}

/* The order matters: what the guest wrote before its end is in the ring when
 * the end is seen. The other way round, its last lines would be lost.
 */
//! [serve]
unsigned int serve(struct guest *guest)
{
	evtchn_port_t ports[3];
	u64 limit;
	u32 flags;

	start(guest);
	ports[0] = exception_port;
	ports[1] = guest->console_ours;
	ports[2] = guest->store_ours;
	limit = system_time() + NS_TO_LIVE;
	for (;;) {
		if (!still_there(guest, &flags))
			panic("toolstack: domain %u has gone by itself",
			      guest->id);
		console_drain(guest);
		store_answer(guest);
		if (flags & XEN_DOMINF_shutdown)
			break;
		if (system_time() >= limit)
			panic("toolstack: domain %u is not at its end after %u s of the machine's time, flags %#x",
			      guest->id, (u32)(NS_TO_LIVE / 1000000000), flags);
		wait_for_ports(ports, ARRAY_SIZE(ports), limit);
	}
	console_close(guest);
	store_close(guest);
	return flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
}
//! [serve]

/* A page of the guest's that is still mapped here would keep the domain: no
 * processor, no name, one page, for ever. Such a domain is called a zombie.
 */
//! [destroy]
void destroy(struct guest *guest)
{
	u64 limit = system_time() + NS_TO_GO;
	struct xen_domctl op = {};
	u32 flags;
	long ret;

	do
		ret = domctl(&op, XEN_DOMCTL_destroydomain, guest->id);
	while (ret == -XEN_EAGAIN);
	hypercall_must(ret, "domctl(destroydomain) of domain %u", guest->id);

	while (still_there(guest, &flags)) {
		if (system_time() >= limit)
			panic("toolstack: domain %u is a zombie, flags %#x: a page of it is still mapped",
			      guest->id, flags);
		wait_for_ports(&exception_port, 1, limit);
	}
	printk("toolstack: domain %u is gone\n", guest->id);
}
//! [destroy]
