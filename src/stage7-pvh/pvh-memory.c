/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Where there is memory, in print: two sources for one map.
 *
 * Called by pvh_show(), at the linked address. hvm_start_info may have the map
 * since version 1. Xen up to now gives dom0 version 0, and dom0 asks by a
 * hypercall, which answers in the PC's own form: an E820 table.
 *
 * Source: xen/arch-x86/hvm/start_info.h; xen/memory.h.
 */
#include <asm/bootparam.h>

#include "console.h"
#include "hypercall.h"
#include "pvh.h"
#include "xen-ops.h"

static u64 all;		   /* bytes */
static bool kernel_in_ram; /* whether the map says so of init_stack */

/* Both sources number the kinds of memory as ACPI does; 1 is RAM. */
static void show_range(u64 first, u64 size, u32 type)
{
	u64 kernel = paddr_x(__pa_symbol(init_stack));

	if (type != XEN_HVM_MEMMAP_TYPE_RAM)
		return;
	printk("  memory: paddr %#llx to %#llx\n", first, first + size - 1);
	all += size;
	kernel_in_ram |= first <= kernel && kernel - first < size;
}

//! [map_by_hypercall]
static void show_map_by_hypercall(void)
{
	struct boot_e820_entry e820[E820_MAX_ENTRIES_ZEROPAGE];
	struct xen_memory_map map = {.nr_entries = ARRAY_SIZE(e820)};

	set_xen_guest_handle(map.buffer, e820);
	hypercall_must(HYPERVISOR_memory_op(XENMEM_memory_map, &map),
		       "memory_op(XENMEM_memory_map)");
	for (u32 i = 0; i < map.nr_entries; i++)
		show_range(e820[i].addr, e820[i].size, e820[i].type);
}
//! [map_by_hypercall]

//! [map_of_start_info]
static void show_map_of_start_info(void)
{
	const struct hvm_memmap_table_entry *map =
		__va(_paddr((unsigned long)pvh_start_info->memmap_paddr));

	for (u32 i = 0; i < pvh_start_info->memmap_entries; i++)
		show_range(map[i].addr, map[i].size, map[i].type);
}
//! [map_of_start_info]

void pvh_show_memory(void)
{
	if (pvh_start_info->version >= 1 && pvh_start_info->memmap_entries)
		show_map_of_start_info();
	else if (pvh_on_xen)
		show_map_by_hypercall();
	else
		panic("hvm_start_info version %u: no memory map, and no Xen to ask for one",
		      pvh_start_info->version);
	if (!kernel_in_ram)
		panic("memory map: no RAM at paddr %#lx, where the kernel is",
		      paddr_x(__pa_symbol(init_stack)));
	printk("  memory: %lu pages (%lu MiB)\n",
	       (unsigned long)(all >> PAGE_SHIFT), (unsigned long)(all >> 20));
}
