/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Where everything lies in the guest's memory.
 *
 * Called by build_guest() when the guest has no page yet: PFNs can be given
 * out before there are MFNs behind them. The order is libxc's; nothing
 * promises it, and a guest has to look at start_info.
 */
#include "toolstack.h"

/** The guest may count on this much mapped memory beyond its stack. */
#define SPARE_PAGES (512 * 1024 / PAGE_SIZE)

u64 guest_va(const struct guest *guest, unsigned long pfn)
{
	return guest->image.virt_base + ((u64)pfn << PAGE_SHIFT);
}

static unsigned long take(unsigned long *next, unsigned long pages)
{
	unsigned long pfn = *next;

	*next += pages;
	return pfn;
}

//! [lay_out]
void lay_out(struct guest *guest)
{
	unsigned long list = GUEST_PAGES * guest->image.bits / 8;
	unsigned long next =
		PAGE_ALIGN((unsigned long)guest->image.end) >> PAGE_SHIFT;

	guest->mfn_list = take(&next, PAGE_ALIGN(list) >> PAGE_SHIFT);
	guest->start_info = take(&next, 1);
	guest->store = take(&next, 1);
	guest->console = take(&next, 1);

	guest->tables = next;
	guest->nr_tables = count_tables(guest);
	for (unsigned int l = guest->levels; l >= 1; l--)
		guest->level[l].first = take(&next, guest->level[l].count);
	guest->stack = take(&next, 1);

	if (next + SPARE_PAGES > GUEST_PAGES)
		panic("layout: the guest needs %lu pages, and has %u",
		      next + SPARE_PAGES, GUEST_PAGES);
	printk("toolstack: layout, PFNs: p2m %#lx, start_info %#lx, store %#lx, console %#lx, %u tables %#lx, stack %#lx\n",
	       guest->mfn_list, guest->start_info, guest->store, guest->console,
	       guest->nr_tables, guest->tables, guest->stack);
}
//! [lay_out]
