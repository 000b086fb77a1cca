/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * hvm_start_info: whether it is one, and whether all that it names is mapped.
 *
 * Called by pvh_entry(), P=V. The loader has filled it in, and there are many
 * loaders. Version 0 ends before the memory map; a later one is version
 * 1 and more behind it.
 *
 * Source: xen/arch-x86/hvm/start_info.h.
 */
#include "console.h"
#include "pvh.h"

static void check_range(const char *what, u64 paddr, u64 size)
{
	if (paddr > PVH_MAPPED || size > PVH_MAPPED - paddr)
		panic("hvm_start_info: %s at paddr %#llx, %#llx bytes, is beyond what is mapped, %#lx",
		      what, paddr, size, PVH_MAPPED);
}

static void check_modules(const struct hvm_start_info *info)
{
	const struct hvm_modlist_entry *module =
		(const void *)(vaddr_t)info->modlist_paddr;

	if (info->nr_modules)
		check_range("the list of modules", info->modlist_paddr,
			    (u64)info->nr_modules * sizeof(*module));
	for (u32 i = 0; i < info->nr_modules; i++)
		check_range("a module", module[i].paddr, module[i].size);
}

//! [pvh_check_start_info]
void pvh_check_start_info(const struct hvm_start_info *info)
{
	if (info->magic != XEN_HVM_START_MAGIC_VALUE)
		panic("hvm_start_info at paddr %#lx: its magic is %#x instead of %#x",
		      (vaddr_t)info, info->magic, XEN_HVM_START_MAGIC_VALUE);

	check_modules(info);
	check_range("the command line", info->cmdline_paddr, 1);
	if (info->version >= 1 && info->memmap_entries)
		check_range("the memory map", info->memmap_paddr,
			    (u64)info->memmap_entries *
				    sizeof(struct hvm_memmap_table_entry));
}
//! [pvh_check_start_info]
