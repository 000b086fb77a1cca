/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The kernel's module, its initial ramdisk: whether all of it is where it
 * should be.
 *
 * Called by each machine's paravirt_ops::show, at the linked address.
 */
#include "paravirt.h"

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
