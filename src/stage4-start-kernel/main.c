/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * start_kernel(): where Xen's part ends and a kernel's life begins.
 *
 * Called by xen_start_kernel() with everything set up. Linux would now start
 * its scheduler and its drivers; this kernel says what it knows and shuts down.
 */
#include "console.h"
#include "hypercall.h"
#include "xen-ops.h"

static void show_xen(void)
{
	long version = HYPERVISOR_xen_version(XENVER_version, NULL);
	xen_extraversion_t extra = "";

	hypercall_must(version, "xen_version(XENVER_version)");
	hypercall_must(HYPERVISOR_xen_version(XENVER_extraversion, extra),
		       "xen_version(XENVER_extraversion), VA %#lx",
		       (vaddr_t)extra);
	printk("  Xen %ld.%ld%s, interface \"%s\"\n", version >> 16,
	       version & 0xffff, extra, xen_start_info->magic);
}

static void show_domain(void)
{
	u32 flags = xen_start_info->flags;

	printk("  flags %#x:%s%s%s\n", flags,
	       flags & SIF_PRIVILEGED ? " privileged" : "",
	       flags & SIF_INITDOMAIN ? " first domain" : "",
	       flags & (SIF_PRIVILEGED | SIF_INITDOMAIN) ? "" : " none");
	printk("  memory: %lu pages (%lu MiB), PFN 0 is MFN %#lx\n",
	       xen_start_info->nr_pages,
	       xen_start_info->nr_pages >> (20 - PAGE_SHIFT),
	       phys_to_machine_mapping[0]);
	printk("  page tables may be written to by stores: %s\n",
	       xen_feature(XENFEAT_writable_page_tables) ? "yes" : "no");
	printk("  command line: \"%s\"\n", (char *)xen_start_info->cmd_line);
}

/* The sum makes sure that all of it was read, at its new address. */
static void show_module(void)
{
	const u8 *module = (const u8 *)xen_start_info->mod_start;
	unsigned long sum = 0;

	if (!xen_start_info->mod_len) {
		printk("  module: none\n");
		return;
	}
	for (unsigned long i = 0; i < xen_start_info->mod_len; i++)
		sum += module[i];
	printk("  module: %lu bytes at VA %#lx, sum of bytes %lu\n",
	       xen_start_info->mod_len, (vaddr_t)module, sum);
}

//! [start_kernel]
void start_kernel(void)
{
	printk("start_kernel at VA %#lx\n", (vaddr_t)start_kernel);
	show_xen();
	show_domain();
	show_module();
	printk("all done\n");

	xen_exit(VERDICT_SUCCESS);
}
//! [start_kernel]
