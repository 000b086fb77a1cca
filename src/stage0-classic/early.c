/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Stage 0: how it was done before the patch.
 *
 * Called by startup_xen (stage 1's: relative code is right at any address),
 * which Xen entered at its *virtual* address. What the other stages work for
 * is there already: the linked address and the hypercall page.
 */
#include "console.h"
#include "early.h"
#include "hypercall.h"

//! [xen_entry]
void xen_entry(struct start_info *info)
{
	console_select(CONSOLE_XEN);

	printk("stage 0: entered at VA %#lx, by the notes' addresses\n",
	       (unsigned long)xen_entry);
	printk("  start_info at VA %#lx says \"%s\", %lu pages\n",
	       (unsigned long)info, info->magic, info->nr_pages);
	printk("  page tables at VA %#lx, p2m at VA %#lx, hypercall page at VA %#lx\n",
	       info->pt_base, info->mfn_list, (unsigned long)hypercall_page);

	xen_exit(VERDICT_SUCCESS);
}
//! [xen_entry]
