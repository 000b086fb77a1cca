/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Where everything lies in the guest's memory.
 *
 * Called by build_guest() when the guest has no page yet: PFNs can be given
 * out before there are MFNs behind them. The order is libxc's; nothing
 * promises it, and a guest has to look at start_info.
 */
#include "string.h"
#include "toolstack.h"
#include "xen-ops.h"

/** The guest may count on this much mapped memory beyond its stack. */
#define SPARE_PAGES (512 * 1024 / PAGE_SIZE)

/** LAYOUT=far: where store and console lie then, a PFN far above the tables. */
#define FAR_PFN 768

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

/* make run STAGE=6 LAYOUT=far puts this word on dom0's command line. */
static bool wants_far(void)
{
	static const char word[] = "layout=far";
	const char *at = (const char *)xen_start_info->cmd_line;

	for (; *at; at++) {
		if (memcmp(at, word, sizeof(word) - 1) == 0)
			return true;
	}
	return false;
}

/* Allowed, since nobody promised an order: a guest has to see how far it is. */
static void move_far(struct guest *guest)
{
	if (guest->stack >= FAR_PFN)
		panic("layout: the guest reaches PFN %#lx, too far for LAYOUT=far",
		      guest->stack);
	guest->store = FAR_PFN;
	guest->console = FAR_PFN + 1;
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

	if (wants_far())
		move_far(guest);

	if (next + SPARE_PAGES > GUEST_PAGES)
		panic("layout: the guest needs %lu pages, and has %u",
		      next + SPARE_PAGES, GUEST_PAGES);
	printk("toolstack: layout, PFNs: p2m %#lx, start_info %#lx, store %#lx, console %#lx, %u tables %#lx, stack %#lx\n",
	       guest->mfn_list, guest->start_info, guest->store, guest->console,
	       guest->nr_tables, guest->tables, guest->stack);
}
//! [lay_out]
