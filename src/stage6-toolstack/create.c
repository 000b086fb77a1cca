/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * An empty domain.
 *
 * Called by build_guest() first. Afterwards Xen knows the domain by a number;
 * it has no memory, and is paused until serve() lets it run.
 */
#include "toolstack.h"

/** Event channel ports beyond the first, which Xen keeps. */
#define LAST_PORT 127

/* The headers of Xen 4.22 are the first to name it. Before, each id that no
 * domain can have meant any, as did 0.
 */
#ifndef DOMID_ANY
#define DOMID_ANY 0x7ff5
#endif

/* Every PV domain begins with 64 bits, and a PVH one chooses for itself.
 * Changing that later, with memory, would leave Xen's own mappings of it in the
 * wrong format: -EACCES.
 */
//! [set_width]
static void set_width(const struct guest *guest)
{
	struct xen_domctl op = {.u.address_size.size = guest->image.bits};

	if (guest->pvh || guest->image.bits == 64)
		return;
	domctl_must(&op, set_address_size, guest);
}
//! [set_width]

//! [create_domain]
void create_domain(struct guest *guest)
{
	struct xen_domctl op = {
		.u.createdomain = {
			.max_vcpus = 1,
			.max_evtchn_port = LAST_PORT,
			.max_grant_frames = 4,
			.max_maptrack_frames = 1,
			.grant_opts = XEN_DOMCTL_GRANT_version(1),
		}};

	if (guest->pvh) {
		op.u.createdomain.flags =
			XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
		op.u.createdomain.arch.emulation_flags = XEN_X86_EMU_LAPIC;
	}

	hypercall_must(domctl(&op, XEN_DOMCTL_createdomain, DOMID_ANY),
		       "domctl(createdomain)");
	guest->id = op.domain;
	set_width(guest);

	op = (struct xen_domctl){.u.max_vcpus.max = 1};
	domctl_must(&op, max_vcpus, guest);
	printk("toolstack: created domain %u, %u bits, one vcpu%s\n", guest->id,
	       guest->image.bits, guest->pvh ? ", PVH" : "");
}
//! [create_domain]
