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

/* Version 0 has none; version 1 may leave it empty. */
//! [show_memory_map]
static void show_memory_map(void)
{
	const struct hvm_memmap_table_entry *map =
		in_kernel(pvh_start_info->memmap_paddr);
	u64 ram = 0;

	if (pvh_start_info->version < 1 || !pvh_start_info->memmap_entries) {
		printk("  memory map: none\n");
		return;
	}
	for (u32 i = 0; i < pvh_start_info->memmap_entries; i++) {
		if (map[i].type != XEN_HVM_MEMMAP_TYPE_RAM)
			continue;
		ram += map[i].size;
		printk("  memory: paddr %#llx to %#llx\n", (u64)map[i].addr,
		       (u64)(map[i].addr + map[i].size - 1));
	}
	printk("  memory: %lu pages (%lu MiB)\n",
	       (unsigned long)(ram >> PAGE_SHIFT), (unsigned long)(ram >> 20));
}
//! [show_memory_map]

void pvh_show(void)
{
	const struct hvm_modlist_entry *module =
		in_kernel(pvh_start_info->modlist_paddr);
	u64 words = pvh_start_info->cmdline_paddr;

	if (pvh_on_xen)
		show_xen();
	printk("  hvm_start_info: version %u, flags %#x\n",
	       pvh_start_info->version, pvh_start_info->flags);
	show_memory_map();
	printk("  command line: \"%s\"\n",
	       words ? (char *)in_kernel(words) : "");
	if (pvh_start_info->nr_modules)
		show_module(in_kernel(module->paddr), module->size);
	else
		show_module(NULL, 0);
}
