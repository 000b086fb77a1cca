/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Stage 2: the kernel calls Xen, and prints.
 *
 * Called by startup_xen, P=V. Sets up the hypercall page and shows that it
 * works, by printing through it.
 */
#include "address.h"
#include "console.h"
#include "early.h"
#include "hypercall.h"
#include "setup-hypercall.h"

//! [xen_entry]
void xen_entry(struct start_info *info)
{
	const u8 *stub = (const u8 *)&hypercall_page[__HYPERVISOR_console_io];

	/* establish a hypercall page */
	setup_hypercall_page(info);

	/* Without the page printk() goes by Xen's gate. This call cannot. */
	hypercall_must(HYPERVISOR_xen_version(XENVER_version, NULL),
		       "xen_version(XENVER_version)");

	printk("stage 2: hello from P=V address %#lx, by hypercall\n",
	       (unsigned long)xen_entry);
	printk("  start_info at P=V %#lx says \"%s\", %lu pages\n",
	       (unsigned long)info, info->magic, info->nr_pages);
	printk("  hypercall page at P=V %#lx; stub %d is %02x %02x %02x %02x %02x %02x %02x %02x\n",
	       (unsigned long)hypercall_page, __HYPERVISOR_console_io, stub[0],
	       stub[1], stub[2], stub[3], stub[4], stub[5], stub[6], stub[7]);

	xen_exit(VERDICT_SUCCESS);
}
//! [xen_entry]
