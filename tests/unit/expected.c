/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The page tables that a remap must leave behind, worked out without it.
 *
 * An entry serves a page if it can be replaced as a whole: Xen refuses that
 * where it has mappings of its own below. The highest such entry maps most,
 * every page needs one, and no two entries below share their work: so the
 * number of different ones is the least number of updates.
 */
#include "check.h"

u8 expected[MAX_TABLES * PAGE];

/* The entry for va becomes what the one for paddr is. */
static void expect_copy(u64 paddr, u64 va, unsigned int level)
{
	u8 *tables = machine.memory + machine.pt_base;
	u8 *to = expected + ((u8 *)entry_for(va, level) - tables);

	*(entry_t *)to = *entry_for(paddr, level);
}

struct remap_count expect_remap(u64 start, u64 limit)
{
	struct remap_count least = {};

	memcpy(expected, machine.memory + machine.pt_base,
	       machine.nr_tables * PAGE);
	for (u64 p = start; p < limit;) {
		unsigned int level = writable_level(VA_MEMORY + p);

		expect_copy(p, VA_MEMORY + p, level);
		*(level == LEVELS ? &least.pgd : &least.pmd) += 1;
		p = (p / REACH(level) + 1) * REACH(level);
	}
	if (VA_IMAGE == VA_MEMORY)
		return least;

	/*
	 * The image's pgd slot is empty and there is no page to spare for it.
	 * The one pud page there is gets entries for both slots.
	 */
	for (u64 p = 0; p < machine.image_end; p += GIB(1), least.pud++)
		expect_copy(p, VA_IMAGE % REACH(4) + p, 3);
	expect_copy(0, VA_IMAGE, 4);
	least.pgd++;
	return least;
}

void check_tables(const char *what)
{
	const u8 *tables = machine.memory + machine.pt_base;

	for (u64 i = 0; i < machine.nr_tables * PAGE; i += sizeof(entry_t)) {
		u64 is = *(entry_t *)(tables + i);
		u64 should = *(entry_t *)(expected + i);

		check(is == should,
		      "%s: level %u table at paddr %#llx, entry %llu is %#llx, not %#llx",
		      what, machine.table_level[i / PAGE],
		      machine.pt_base + i / PAGE * PAGE,
		      i % PAGE / sizeof(entry_t), is, should);
	}
}

/* One page has one frame, the right one, at both its addresses. */
static void check_page(const char *what, u64 p, u64 offset)
{
	u64 pv = translate(p), va = translate(offset + p);

	check(pv == va, "%s: P=V %#llx is maddr %#llx, VA %#llx is %#llx", what,
	      p, pv, offset + p, va);
	check(pv == frame_of(p / PAGE) * PAGE ||
		      (pv == NOT_MAPPED && machine.holes),
	      "%s: P=V %#llx is maddr %#llx, not its page", what, p, pv);
}

/*
 * Where to go on after p: a hole in a table is the same at both addresses, if
 * the table is. After the hole in a pte page comes its last page.
 */
static u64 next_page(u64 p, u64 offset)
{
	unsigned int level = 1;
	u64 end;

	while (!entry_for(p, level))
		level++;
	if (*entry_for(p, level) & ENTRY_PRESENT ||
	    entry_for(p, level) != entry_for(offset + p, level))
		return p + PAGE;

	end = (p / REACH(max(level, 2)) + 1) * REACH(max(level, 2));
	return level == 1 && p < end - PAGE ? end - PAGE : end;
}

void check_pages(const char *what, u64 start, u64 limit, u64 offset)
{
	for (u64 p = start; p < limit; p = next_page(p, offset))
		check_page(what, p, offset);
}
