/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Event channels: how a guest and dom0, or two guests, ring for each other.
 *
 * Called by build_guest() before start_info is written, which names the guest's
 * ports. A channel begins as a port of one domain that another one may bind.
 *
 * Source: xen/event_channel.h.
 */
#include "hypercall.h"
#include "toolstack.h"

/* @return a port of @p owner's that nobody is bound to yet */
static evtchn_port_t new_port(domid_t owner, domid_t other)
{
	struct evtchn_alloc_unbound port = {.dom = owner, .remote_dom = other};

	hypercall_must(
		HYPERVISOR_event_channel_op(EVTCHNOP_alloc_unbound, &port),
		"event_channel_op(EVTCHNOP_alloc_unbound), domains %u and %u",
		owner, other);
	return port.port;
}

/* The guest finds its end; ours is bound to it. */
static evtchn_port_t bind(const struct guest *guest, evtchn_port_t theirs)
{
	struct evtchn_bind_interdomain bind = {.remote_dom = guest->id,
					       .remote_port = theirs};

	hypercall_must(
		HYPERVISOR_event_channel_op(EVTCHNOP_bind_interdomain, &bind),
		"event_channel_op(EVTCHNOP_bind_interdomain), port %u", theirs);
	return bind.local_port;
}

//! [open_channels]
void open_channels(struct guest *guest)
{
	guest->console_port = new_port(guest->id, DOMID_SELF);
	guest->console_ours = bind(guest, guest->console_port);
	guest->store_port = new_port(guest->id, DOMID_SELF);
	guest->store_ours = bind(guest, guest->store_port);
	printk("toolstack: channels: the guest's port %u for the console, %u for the store\n",
	       guest->console_port, guest->store_port);
}
//! [open_channels]

/* The channel leads from one guest to the other; dom0 only opens it. */
//! [introduce]
void introduce(struct guest *first, struct guest *second)
{
	first->peer = second->id;
	second->peer = first->id;
	first->peer_port = new_port(first->id, second->id);
	second->peer_port = first->peer_port;
	printk("toolstack: domains %u and %u may talk, by port %u of the first\n",
	       first->id, second->id, first->peer_port);
}
//! [introduce]
