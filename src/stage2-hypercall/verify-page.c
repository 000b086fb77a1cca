/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The proof that the hypercall page does what it should.
 *
 * Called by setup_hypercall_page(), P=V, right after the page was filled and
 * before anything is printed through it.
 *
 * A page that Xen did not fill, or that is not called as Xen means it, need not
 * fault: it may just do something else. Xen's gate does without the page, so
 * both must give the same answer, and leave the same in memory.
 */
#include "console.h"
#include "hypercall.h"
#include "setup-hypercall.h"

/* The version comes first: it is not 0, which many a register holds by chance.
 * Then the pointer is used again after the call, and the compiler may not know
 * what it was before: if it believes that a hypercall leaves its arguments
 * alone, this is where that shows.
 */
//! [verify_hypercall_page]
void verify_hypercall_page(void)
{
	struct xen_feature_info gate = {}, page = {}, *info = &page;
	long version = hypercall_by_gate(__HYPERVISOR_xen_version,
					 XENVER_version, 0, 0);
	long by_page = HYPERVISOR_xen_version(XENVER_version, NULL);

	if (by_page != version)
		panic("hypercall page: xen_version through it gives version %#lx, and by Xen's gate %#lx",
		      by_page, version);

	hypercall_must(hypercall_by_gate(__HYPERVISOR_xen_version,
					 XENVER_get_features,
					 HYPERCALL_PTR(&gate), 0),
		       "xen_version(XENVER_get_features), by Xen's gate");
	asm("" : "+r"(info));
	by_page = HYPERVISOR_xen_version(XENVER_get_features, info);
	if (by_page || info->submap != gate.submap)
		panic("hypercall page: xen_version through it gives %ld, features %#x; by Xen's gate 0, %#x",
		      by_page, info->submap, gate.submap);
}
//! [verify_hypercall_page]
