/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The guests' lives, seen from dom0: they run, print, end, and are removed.
 *
 * Called by start_kernel() with domains that are complete and paused. Dom0
 * only polls its channels here, with upcalls masked.
 */
#include "hypercall.h"
#include "toolstack.h"
#include "xen-ops.h"

#define NS_PER_S 1000000000ULL

/** Seconds of the machine's time that guests may run, if nobody says more, and
 * nanoseconds that they may take to go.
 */
#define SECONDS_TO_LIVE 20
#define NS_TO_GO	NS_PER_S

/* Xen answers for the next domain if this one is gone, until there is none. */
static bool domain_from(domid_t id, struct xen_domctl *op)
{
	long ret = domctl(op, XEN_DOMCTL_getdomaininfo, id);

	if (ret == -XEN_ESRCH)
		return false;
	hypercall_must(ret, "domctl(getdomaininfo) of domain %u", id);
	return true;
}

static bool still_there(const struct guest *guest,
			struct xen_domctl_getdomaininfo *info)
{
	struct xen_domctl op = {};

	if (!domain_from(guest->id, &op))
		return false;
	*info = op.u.getdomaininfo;
	return op.domain == guest->id;
}

static evtchn_port_t exception_port; /* VIRQ_DOM_EXC: a domain ended or went */

/* Who adds up a module's bytes, as stage 4 does, needs some 2 s for each MiB of
 * them. In a debugger time jumps whenever the machine is stopped.
 */
static unsigned long seconds_to_live(const struct guest *guest)
{
	unsigned long mib = guest->module.size >> 20;

	return option_number("seconds=", SECONDS_TO_LIVE + 8 * mib);
}

/* Its limit is reached. Whether it ever had the processor, Xen knows. */
static void __attribute__((noreturn)) give_up(const struct guest *guest)
{
	struct xen_domctl op = {};
	const struct xen_domctl_getdomaininfo *info = &op.u.getdomaininfo;

	domctl_must(&op, getdomaininfo, guest);
	if (!info->cpu_time)
		panic("toolstack: domain %u has never run in %lu s of the machine's time, %u vcpus are online",
		      guest->id, seconds_to_live(guest), info->nr_online_vcpus);
	panic("toolstack: domain %u is not at its end after %lu s of the machine's time, flags %#x",
	      guest->id, seconds_to_live(guest), info->flags);
}

/* The order matters: what the guest wrote before its end is in the ring when
 * the end is seen. The other way round, its last lines would be lost.
 */
//! [attend]
static void attend(struct guest *guest, u64 limit)
{
	struct xen_domctl_getdomaininfo info;

	if (!still_there(guest, &info))
		panic("toolstack: domain %u has gone by itself", guest->id);
	console_drain(guest);
	store_answer(guest);
	if (info.flags & XEN_DOMINF_shutdown) {
		guest->ended = true;
		guest->halted = !info.nr_online_vcpus;
		guest->reason = info.flags >> XEN_DOMINF_shutdownshift &
				XEN_DOMINF_shutdownmask;
		console_close(guest);
		store_close(guest);
	} else if (system_time() >= limit) {
		give_up(guest);
	}
}
//! [attend]

/* @return whether one is still running */
static bool attend_all(struct guest *guests, unsigned int count, u64 limit)
{
	bool running = false;

	for (unsigned int i = 0; i < count; i++) {
		if (!guests[i].ended)
			attend(&guests[i], limit);
		running |= !guests[i].ended;
	}
	return running;
}

//! [serve]
void serve(struct guest *guests, unsigned int count)
{
	evtchn_port_t ports[1 + 2 * MAX_GUESTS];
	unsigned int nr_ports = 0;
	struct xen_domctl op = {};
	u64 limit;

	/* What it shows would keep the domain when it has ended. */
	if (window_is_open())
		panic("toolstack: the guest is complete, and the window still shows a page of it");
	mask_events(true);
	ports[nr_ports++] = exception_port = bind_virq(VIRQ_DOM_EXC, NULL);
	for (unsigned int i = 0; i < count; i++) {
		ports[nr_ports++] = guests[i].console_ours;
		ports[nr_ports++] = guests[i].store_ours;
		domctl_must(&op, unpausedomain, &guests[i]);
	}
	limit = system_time() + seconds_to_live(guests) * NS_PER_S;
	while (attend_all(guests, count, limit))
		wait_for_ports(ports, nr_ports, limit);
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
	struct xen_domctl_getdomaininfo info;
	long ret;

	do
		ret = domctl(&op, XEN_DOMCTL_destroydomain, guest->id);
	while (ret == -XEN_EAGAIN);
	hypercall_must(ret, "domctl(destroydomain) of domain %u", guest->id);

	while (still_there(guest, &info)) {
		if (system_time() >= limit)
			panic("toolstack: domain %u is a zombie, flags %#x: a page of it is still mapped",
			      guest->id, info.flags);
		wait_for_ports(&exception_port, 1, limit);
	}
	printk("toolstack: domain %u is gone\n", guest->id);
}
//! [destroy]

/* Dom0 itself is 0. */
void none_is_left(void)
{
	struct xen_domctl op = {};

	if (domain_from(1, &op))
		panic("toolstack: all guests are at their end, and Xen still has domain %u, flags %#x",
		      op.domain, op.u.getdomaininfo.flags);
}
