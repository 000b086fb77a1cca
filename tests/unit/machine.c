/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Builds the guest as Xen leaves it at its first instruction.
 *
 * From paddr 0 up: the image (from 1 MiB), start_info, a page for the console
 * and one for xenstore, page tables, boot stack, p2m. All is mapped P=V, page
 * tables read-only, as far as a boundary of 4 MiB.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "machine.h"

/* Address space is all that these cost, until something is written. */
#define MEMORY_BYTES (MOST_MEMORY + GIB(4))
#define M2P_BYTES    (VA_BITS > 32 ? GIB(4) : MIB(32))

#define UPPER_FLAGS 0x067
#define PTE_FLAGS   0x063

struct machine machine;

static void *reserve(u64 bytes)
{
	void *space = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (space == MAP_FAILED) {
		perror("unit tests: cannot reserve address space (ulimit -v?)");
		exit(1);
	}
	return space;
}

static void clear_all(void)
{
	u8 *memory = machine.memory ?: reserve(MEMORY_BYTES);
	unsigned long *m2p = machine.m2p ?: reserve(M2P_BYTES);

	madvise(memory, MEMORY_BYTES, MADV_DONTNEED);
	madvise(m2p, M2P_BYTES, MADV_DONTNEED);
	machine = (struct machine){.memory = memory, .m2p = m2p};
}

/* One page of the guest's into p2m and m2p, and what is said of a stranger. */
static u64 give_frame(u64 pfn)
{
	unsigned long *p2m =
		(unsigned long *)(machine.memory + machine.info->mfn_list);
	const u64 stale[] = {pfn, ~0ULL, machine.nr_pages, machine.nr_pages + 7,
			     machine.nr_pages - 1};
	const u64 mfn = frame_of(pfn);

	p2m[pfn] = mfn;
	machine.m2p[mfn] = pfn;
	machine.m2p[frame_of_stranger(pfn)] = stale[pfn % ARRAY_SIZE(stale)];
	return mfn;
}

static u64 new_table(unsigned int level)
{
	u64 pfn = machine.pt_base / PAGE + machine.nr_tables;

	if (machine.nr_tables == MAX_TABLES) {
		fprintf(stderr, "unit tests: MAX_TABLES is too small\n");
		exit(1);
	}
	machine.table_level[machine.nr_tables++] = level;
	give_frame(pfn);
	return pfn;
}

static entry_t *table(u64 pfn)
{
	return (entry_t *)(machine.memory + pfn * PAGE);
}

/* Xen's own tables are frames that are not the guest's. */
static void fill_with_xens(u64 pfn, unsigned int first, unsigned int last)
{
	for (unsigned int i = first; i <= last; i++)
		table(pfn)[i] = frame_of_stranger(i) * PAGE | UPPER_FLAGS;
}

static void build_pgd(bool empty_slots)
{
	u64 pgd = new_table(LEVELS);

	if (LEVELS != 3) {
		fill_with_xens(pgd, XEN_PGD_FIRST, XEN_PGD_LAST);
		return;
	}
	for (unsigned int slot = empty_slots ? 3 : 0; slot < 4; slot++)
		table(pgd)[slot] = frame_of(new_table(2)) * PAGE | UPPER_FLAGS;
	machine.shared_pmd_pfn = pgd + machine.nr_tables - 1;
	fill_with_xens(machine.shared_pmd_pfn, XEN_PMD_FIRST, 511);
}

/* Maps what shares a pte page with paddr, P=V: all of it, or its two ends. */
static void map_pte_page(u64 paddr, bool all)
{
	u64 pfn = paddr / REACH(2) * ENTRIES_PER_TABLE;
	entry_t *pte;

	for (unsigned int level = LEVELS; level > 1; level--) {
		entry_t *entry = entry_for(paddr, level);

		if (!(*entry & ENTRY_PRESENT))
			*entry = frame_of(new_table(level - 1)) * PAGE |
				 UPPER_FLAGS;
	}
	pte = entry_for(pfn * PAGE, 1);
	for (unsigned int i = 0; i < ENTRIES_PER_TABLE;
	     i += all ? 1 : ENTRIES_PER_TABLE - 1)
		pte[i] = give_frame(pfn + i) * PAGE | PTE_FLAGS;
}

/* Upwards or downwards, and so are the page tables: both have been seen. */
static void map_all(void)
{
	bool upwards = random_below(2);

	for (u64 at = 0; at < machine.mapped; at += REACH(2))
		map_pte_page(upwards ? at : machine.mapped - 1 - at,
			     !machine.holes || random_below(16) == 0);
}

/* Even pte pages would be too many: what lies around the corners. */
static void map_corners(void)
{
	const u64 corners[] = {machine.image_end, min(machine.mapped, GIB(1)),
			       machine.mapped,
			       random_below(machine.mapped) + 1};

	map_pte_page(0, true);
	map_pte_page(machine.image_end - 1, true);
	for (unsigned int i = 0; i < ARRAY_SIZE(corners); i++) {
		map_pte_page(corners[i] - 1, false);
		if (corners[i] < machine.mapped)
			map_pte_page(corners[i], false);
	}
}

static void write_start_info(const struct guest *guest)
{
	struct start_info *info = machine.info;
	u64 page = (u64)((u8 *)info - machine.memory) / PAGE;

	strcpy(info->magic, "xen-3.0-x86");
	info->nr_pages = machine.nr_pages;
	info->pt_base = machine.pt_base;
	info->nr_pt_frames = machine.nr_tables;
	if (guest->dom0) {
		info->flags = SIF_INITDOMAIN | SIF_PRIVILEGED;
		info->console.dom0.info_off = sizeof(*info);
		info->console.dom0.info_size = 40;
	} else {
		info->console.domU.mfn = frame_of(page + 1);
		info->store_mfn = frame_of(page + 2);
	}
}

void machine_build(const struct guest *guest)
{
	/* Enough for pte pages, the tables above, and the boot stack. */
	u64 need = max(guest->memory, guest->image_end);
	u64 tables = 16 + min(need / REACH(2), MAX_TABLES);
	u64 spare = random_below(64);
	u64 info, list;

	clear_all();
	machine.image_end = guest->image_end;
	info = (guest->image_end + PAGE - 1) / PAGE * PAGE;
	machine.info = (struct start_info *)(machine.memory + info);
	machine.pt_base = info + 3 * PAGE;
	list = machine.pt_base + tables * PAGE;
	machine.stack_pointer = list - 64;
	machine.info->mfn_list = list;

	/* The p2m lists itself: it grows until all is in. */
	do {
		machine.mapped += MIB(4);
		machine.nr_pages = machine.mapped / PAGE + spare;
	} while (machine.mapped < guest->memory ||
		 machine.mapped < list + machine.nr_pages * 8);

	frames_shuffle(machine.nr_pages);
	build_pgd(guest->empty_slots);
	machine.holes = machine.mapped > MIB(128);
	if (machine.holes && VA_BITS > 32)
		map_corners();
	else
		map_all();
	for (u64 pfn = machine.mapped / PAGE; pfn < machine.nr_pages; pfn++)
		give_frame(pfn);
	for (unsigned int i = 0; i < machine.nr_tables; i++) {
		entry_t *pte = entry_for(machine.pt_base + i * PAGE, 1);

		if (pte)
			*pte &= ~(entry_t)ENTRY_RW;
	}
	write_start_info(guest);
}
