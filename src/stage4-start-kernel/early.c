/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Stage 4: to the linked address, for good.
 *
 * Called by startup_xen, P=V. This is the 2007 patch's xen_entry() with its
 * errata fixed; lessons/8-errata.md names each.
 */
#include "console.h"
#include "early.h"
#include "remap.h"
#include "setup-hypercall.h"
#include "string.h"
#include "xen-ops.h"

//! [xen_entry]
void xen_entry(struct start_info *info)
{
	paddr_t limit;

	/* establish a hypercall page */
	setup_hypercall_page(info);

	if (memcmp(info->magic, "xen-3.0", 7) != 0)
		panic("start_info at P=V %#lx does not begin with xen-3.0",
		      (vaddr_t)info);

	/* work out how far we need to remap */
	limit = remap_limit(info);

	/* remap the kernel to its virtual address */
	remap_kernel(info, _paddr(0), limit);

	/* repoint things to their new virtual addresses */
	repoint_start_info(info);

	jump_to(linked_va(xen_start_kernel),
		linked_va(init_stack + THREAD_SIZE));
}
//! [xen_entry]
