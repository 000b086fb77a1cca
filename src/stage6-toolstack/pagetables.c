/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The guest's first page tables: its pages, from VIRT_BASE (or P=V) up.
 *
 * Called by build_guest(). Xen lets a guest run on tables of its own, under one
 * rule: no page-table page may be mapped writable. So the ptes of the tables
 * themselves lack RW, and pinning has Xen look at every entry.
 *
 * Source: Xen's docs/misc/pvh.pandoc and xen/arch/x86/mm.c, get_page_type().
 */
#include "hypercall.h"
#include "pgtable.h"
#include "toolstack.h"

/** Bits of a VA that one level's index takes: 512 entries of 8 bytes. */
#define LEVEL_BITS 9

/** The bits of a VA that page tables look at; above is the sign. */
#define VA_MASK 0xffffffffffffULL

static unsigned int bits_below_table(unsigned int l)
{
	return PAGE_SHIFT + LEVEL_BITS * l;
}

unsigned int count_tables(struct guest *guest)
{
	u64 first = guest->image.virt_base & VA_MASK;
	u64 last = first + ((u64)guest->nr_mapped << PAGE_SHIFT) - 1;
	unsigned int all = 0;

	guest->levels = guest->image.bits == 64 ? 4 : 3;
	for (unsigned int l = 1; l <= guest->levels; l++) {
		struct table_level *level = &guest->level[l];

		level->base = first >> bits_below_table(l);
		level->count = (last >> bits_below_table(l)) - level->base + 1;
		/* PAE: one for each slot, and the last is Xen's, too. */
		if (guest->levels == 3 && l == 2) {
			level->base = 0;
			level->count = 4;
		}
		all += level->count;
	}
	return all;
}

static bool is_table(const struct guest *guest, unsigned long pfn)
{
	return pfn - guest->tables < guest->nr_tables;
}

/* Entry @p index of a level, counted from VA 0 over all its tables. Behind the
 * last of them lies another page of the guest's, which no entry may go to.
 */
static void set_entry(const struct guest *guest, unsigned int l, u64 index,
		      unsigned long pfn, unsigned int flags)
{
	const struct table_level *level = &guest->level[l];
	u64 table = (index >> LEVEL_BITS) - level->base;
	u64 *entries;

	if (table >= level->count)
		panic("toolstack: an entry is for table %#llx of level %u, which has %u",
		      table, l, level->count);
	entries = window_open(guest, level->first + (unsigned long)table);
	entries[index % (1 << LEVEL_BITS)] =
		maddr_x(mfn_to_maddr(guest_mfn(guest, pfn))) | flags;
}

static void link_tables(const struct guest *guest, unsigned int l)
{
	const struct table_level *below = &guest->level[l - 1];

	for (unsigned int i = 0; i < below->count; i++)
		set_entry(guest, l, below->base + i, below->first + i,
			  _PAGE_PRESENT | _PAGE_RW | _PAGE_USER);
}

//! [write_page_tables]
void write_page_tables(const struct guest *guest)
{
	u64 first = (guest->image.virt_base & VA_MASK) >> PAGE_SHIFT;

	guest_clear(guest, (u64)guest->tables << PAGE_SHIFT,
		    (u64)guest->nr_tables << PAGE_SHIFT);
	for (unsigned int l = guest->levels; l > 1; l--)
		link_tables(guest, l);
	for (unsigned long pfn = 0; pfn < guest->nr_mapped; pfn++)
		set_entry(guest, 1, first + pfn, pfn,
			  is_table(guest, pfn) ? _PAGE_PRESENT
					       : _PAGE_PRESENT | _PAGE_RW);
	printk("toolstack: %u page tables of %u levels, PFN 0 at VA %#llx\n",
	       guest->nr_tables, guest->levels, guest_va(guest, 0));
}
//! [write_page_tables]

/* The window goes first: it maps a table, and writable. */
//! [pin_page_tables]
void pin_page_tables(const struct guest *guest)
{
	mfn_t top = guest_mfn(guest, guest->tables);
	struct mmuext_op pin = {.cmd = guest->levels == 4 ? MMUEXT_PIN_L4_TABLE
							  : MMUEXT_PIN_L3_TABLE,
				.arg1.mfn = mfn_x(top)};

	window_close();
	hypercall_must(HYPERVISOR_mmuext_op(&pin, 1, NULL, guest->id),
		       "mmuext_op(MMUEXT_PIN_L%u_TABLE), MFN %#lx",
		       guest->levels, mfn_x(top));
	printk("toolstack: pinned, top table is PFN %#lx = MFN %#lx\n",
	       guest->tables, mfn_x(top));
}
//! [pin_page_tables]
