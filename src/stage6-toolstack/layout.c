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

/** LAYOUT=far: store and console lie so far below the end of what is mapped. */
#define FAR_PAGES 256

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

/* Allowed, since nobody promised an order: a guest has to see how far it is. */
static void move_far(struct guest *guest)
{
	guest->store = guest->nr_mapped - FAR_PAGES;
	guest->console = guest->store + 1;
}

/* Top level first. @return the first free PFN */
static unsigned long place_tables(struct guest *guest, unsigned long next)
{
	guest->tables = next;
	guest->nr_tables = count_tables(guest);
	for (unsigned int l = guest->levels; l >= 1; l--)
		guest->level[l].first = take(&next, guest->level[l].count);
	guest->stack = take(&next, 1);
	return next;
}

static unsigned long image_pages(const struct guest *guest)
{
	return PAGE_ALIGN((unsigned long)guest->image.end) >> PAGE_SHIFT;
}

static unsigned long module_pages(const struct guest *guest)
{
	return PAGE_ALIGN(guest->module.size) >> PAGE_SHIFT;
}

static unsigned long list_pages(const struct guest *guest)
{
	return PAGE_ALIGN(guest->nr_pages * guest->image.bits / 8) >>
	       PAGE_SHIFT;
}

/* Everything, one behind the other. A PVH guest has neither a p2m nor tables of
 * ours. @return the first free PFN
 */
//! [place]
static unsigned long place(struct guest *guest)
{
	unsigned long next = image_pages(guest);

	guest->mod_start = take(&next, module_pages(guest));
	if (!guest->pvh)
		guest->mfn_list = take(&next, list_pages(guest));
	guest->start_info = take(&next, 1);
	guest->store = take(&next, 1);
	guest->console = take(&next, 1);
	return guest->pvh ? next : place_tables(guest, next);
}
//! [place]

/* The guest is told where each of these is, and looks nowhere else. So one page
 * for two purposes works until both are in use.
 */
static void pages_are_apart(const struct guest *guest)
{
	unsigned long list = guest->mfn_list ? list_pages(guest) : 0;
	const struct {
		const char *name;
		unsigned long first, pages;
	} used[] = {
		{"the image", 0, image_pages(guest)},
		{"the module", guest->mod_start, module_pages(guest)},
		{"the p2m", guest->mfn_list, list},
		{"start_info", guest->start_info, 1},
		{"xenstore", guest->store, 1},
		{"the console", guest->console, 1},
		{"the page tables", guest->tables, guest->nr_tables},
		{"the stack", guest->stack, !guest->pvh},
	};

	for (unsigned int i = 1; i < ARRAY_SIZE(used); i++)
		for (unsigned int j = 0; j < i; j++)
			if (used[i].first < used[j].first + used[j].pages &&
			    used[j].first < used[i].first + used[i].pages)
				panic("toolstack: PFN %#lx was given out twice, for %s and for %s",
				      max(used[i].first, used[j].first),
				      used[j].name, used[i].name);
}

/* What is mapped needs tables, and the tables have to be mapped, too: a size is
 * tried, and the next larger one if it does not do.
 */
//! [lay_out]
void lay_out(struct guest *guest)
{
	unsigned long mib = option_number("guest_mem=", 0);
	unsigned long asked = min(mib, 4096) << (20 - PAGE_SHIFT);
	bool far = option("layout=far");
	unsigned long spare = far ? FAR_PAGES : SPARE_PAGES;

	do {
		guest->nr_mapped += MAP_UNIT;
		guest->nr_pages = max(asked, guest->nr_mapped);
		if (guest->nr_pages > MAX_GUEST_PAGES)
			panic("layout: the guest needs %lu pages, and gets %u at most",
			      guest->nr_pages, MAX_GUEST_PAGES);
	} while (place(guest) + spare > guest->nr_mapped);

	if (far)
		move_far(guest);
	pages_are_apart(guest);
	if (guest->pvh)
		printk("toolstack: layout, PFNs: hvm_start_info %#lx, store %#lx, console %#lx\n",
		       guest->start_info, guest->store, guest->console);
	else
		printk("toolstack: layout, PFNs: p2m %#lx, start_info %#lx, store %#lx, console %#lx, %u tables %#lx, stack %#lx\n",
		       guest->mfn_list, guest->start_info, guest->store,
		       guest->console, guest->nr_tables, guest->tables,
		       guest->stack);
}
//! [lay_out]
