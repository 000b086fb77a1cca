/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What hvm_start_info says, in print.
 *
 * Called by start_kernel() through paravirt_ops, at the linked address.
 */
#include "console.h"
#include "hypercall.h"
#include "paravirt.h"
#include "pvh.h"
#include "xen-ops.h"

static void show_xen(void)
{
	long version = HYPERVISOR_xen_version(XENVER_version, NULL);

	hypercall_must(version, "xen_version(XENVER_version)");
	printk("  Xen %ld.%ld\n", version >> 16, version & 0xffff);
}

static void *in_kernel(u64 paddr)
{
	return __va(_paddr((unsigned long)paddr));
}

void pvh_show(void)
{
	const struct hvm_modlist_entry *module =
		in_kernel(pvh_start_info->modlist_paddr);
	u64 words = pvh_start_info->cmdline_paddr;

	if (pvh_on_xen)
		show_xen();
	printk("  hvm_start_info: version %u, flags %#x\n",
	       pvh_start_info->version, pvh_start_info->flags);
	pvh_show_memory();
	printk("  command line: \"%s\"\n",
	       words ? (char *)in_kernel(words) : "");
	if (!pvh_start_info->nr_modules)
		show_module(NULL, 0);
	for (u32 i = 0; i < pvh_start_info->nr_modules; i++)
		show_module(in_kernel(module[i].paddr), module[i].size);
}
