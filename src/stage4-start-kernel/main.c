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

struct paravirt_ops paravirt_ops;

/* The sum makes sure that all of it was read, at its new address. */
void show_module(const u8 *module, unsigned long length)
{
	unsigned long sum = 0;

	if (!length) {
		printk("  module: none\n");
		return;
	}
	for (unsigned long i = 0; i < length; i++)
		sum += module[i];
	printk("  module: %lu bytes at VA %#lx, sum of bytes %lu\n", length,
	       (unsigned long)module, sum);
}

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
