/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * start_kernel(): where a machine's own part ends and a kernel's life begins.
 *
 * Called by xen_start_kernel() with everything set up. Linux would now start
 * its scheduler and its drivers; this kernel says what it knows and shuts down.
 */
#include "paravirt.h"
#include "setup-hypercall.h"

//! [start_kernel]
void start_kernel(void)
{
	printk("start_kernel at VA %#lx, in ring %u, on %s\n",
	       (unsigned long)start_kernel, current_ring(), paravirt_ops.name);
	paravirt_ops.show();
	printk("all done\n");

	paravirt_ops.exit(VERDICT_SUCCESS);
}
//! [start_kernel]
