/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What a PC says of its memory, and whether that can be so.
 *
 * Called by start_kernel() through paravirt_ops, at the linked address.
 * boot/setup.S, or a boot loader, has asked the BIOS for one range after the
 * other. A table that was written or read amiss still consists of numbers, so
 * they are checked: a kernel would give out memory by them.
 * The ranges need not ascend: nobody promises that, so it is not checked.
 */
#include "boot.h"
#include "bootparam.h"
#include "console.h"
#include "sections.h"
#include "xen-ops.h"

#define E820_USABLE 1

static void check_range(unsigned int number, u64 first, u64 end)
{
	if (end < first)
		panic("e820: range %u, from maddr %#llx, has %#llx bytes: its end is beyond 64 bits",
		      number, first, end - first);
	if (number && end > first && first == boot_params.e820_table[0].addr)
		panic("e820: range %u begins where range 0 does, at maddr %#llx: the BIOS was asked for it once more",
		      number, first);
}

/* Where we are there is memory, whatever the table says. */
static bool holds_kernel(u64 first, u64 end)
{
	return first <= paddr_x(__pa_symbol(_text)) &&
	       end >= paddr_x(__pa_symbol(_end));
}

void native_show_e820(void)
{
	u64 usable = 0;
	bool kernel = false;

	for (unsigned int i = 0; i < boot_params.e820_entries; i++) {
		const struct boot_e820_entry *entry =
			&boot_params.e820_table[i];
		u64 first = entry->addr, end = first + entry->size;

		check_range(i, first, end);
		printk("  e820: maddr %#llx to %#llx, %s\n", first, end - 1,
		       entry->type == E820_USABLE ? "usable" : "reserved");
		if (entry->type != E820_USABLE)
			continue;
		usable += entry->size;
		kernel |= holds_kernel(first, end);
	}
	if (!usable)
		panic("e820: boot_params names no usable memory in %u ranges",
		      boot_params.e820_entries);
	if (!kernel)
		panic("e820: no usable range holds the kernel, maddr %#lx to %#lx",
		      paddr_x(__pa_symbol(_text)), paddr_x(__pa_symbol(_end)));
	printk("  memory: %lu pages (%lu MiB)\n",
	       (unsigned long)(usable >> PAGE_SHIFT),
	       (unsigned long)(usable >> 20));
}
