/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Stage 3: every page gets a second address.
 *
 * Called by startup_xen, P=V. Remaps, and proves it from inside; goes on
 * running P=V to its end.
 */
#include "console.h"
#include "early.h"
#include "remap.h"
#include "setup-hypercall.h"

//! [xen_entry]
void xen_entry(struct start_info *info)
{
	struct remap_count count;
	paddr_t limit;

	/* establish a hypercall page */
	setup_hypercall_page(info);
	show_pagetables(info, "before");

	/* work out how far we need to remap */
	limit = remap_limit(info);

	/* remap the kernel to its virtual address */
	count = remap_kernel(info, _paddr(0), limit);

	show_pagetables(info, "after");
	printk("stage 3: paddr 0 to %#lx remapped to VA %#lx: %u pgd, %u pud, %u pmd entries, in one mmu_update\n",
	       paddr_x(limit), PAGE_OFFSET, count.pgd, count.pud, count.pmd);
	verify_remap(info, limit);

	xen_exit(VERDICT_SUCCESS);
}
//! [xen_entry]
