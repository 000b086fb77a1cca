/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The page tables in print, each number with its address word.
 *
 * Called by stage 3's xen_entry(), P=V, before and after the remap. Upper
 * levels are printed entry by entry, a pte page in one line.
 */
#include "console.h"
#include "pv-memory.h"
#include "remap.h"

/** One level of this mode's tables. */
struct level {
	char name[4];
	u16 entries;
	u8 shift;
};

/* From the top; a folded level has one entry and is passed over. */
static const struct level levels[] = {
	{"pgd", PTRS_PER_PGD, PGDIR_SHIFT},
	{"pud", PTRS_PER_PUD, PUD_SHIFT},
	{"pmd", PTRS_PER_PMD, PMD_SHIFT},
	{"pte", PTRS_PER_PTE, PAGE_SHIFT},
};

#define PTE_LEVEL (ARRAY_SIZE(levels) - 1)

static unsigned int next_level(unsigned int level)
{
	do
		level++;
	while (levels[level].entries == 1);
	return level;
}

/* The upper half of a 64-bit address space begins with ones. */
static vaddr_t sign_extend(vaddr_t va)
{
	const unsigned int unused = sizeof(long) == 8 ? 16 : 0;

	return (vaddr_t)((long)(va << unused) >> unused);
}

/* A table is indented by its level. */
static const char *indent(unsigned int level)
{
	return &"        "[8 - 2 * level];
}

static void show_pte_page(const pteval_t *table, vaddr_t va)
{
	unsigned int present = 0;

	for (unsigned int i = 0; i < PTRS_PER_PTE; i++)
		present += pteval_present(table[i]);
	printk("%s  %u ptes, VA %#lx to %#lx\n", indent(PTE_LEVEL), present, va,
	       va + (PTRS_PER_PTE << PAGE_SHIFT) - 1);
}

static void show_table(const struct start_info *info, unsigned int level,
		       const pteval_t *table, vaddr_t base);

static void show_entry(const struct start_info *info, unsigned int level,
		       unsigned int index, pteval_t entry, vaddr_t va)
{
	mfn_t mfn = pteval_mfn(entry);
	pfn_t pfn = early_m2p(info, mfn);
	unsigned int next = next_level(level);

	printk("%s  %s[%u] VA %#lx: MFN %#lx = PFN %#lx, flags %#x\n",
	       indent(level), levels[level].name, index, va, mfn_x(mfn),
	       pfn_x(pfn), (unsigned int)(entry & ~PAGE_MASK));
	if (next == PTE_LEVEL)
		show_pte_page(paddr_to_ptr(pfn_to_paddr(pfn)), va);
	else
		show_table(info, next, paddr_to_ptr(pfn_to_paddr(pfn)), va);
}

static void show_table(const struct start_info *info, unsigned int level,
		       const pteval_t *table, vaddr_t base)
{
	for (unsigned int i = 0; i < levels[level].entries; i++) {
		vaddr_t va =
			sign_extend(base + ((vaddr_t)i << levels[level].shift));

		if (pteval_present(table[i]) && !va_is_xens(va))
			show_entry(info, level, i, table[i], va);
	}
}

void show_pagetables(const struct start_info *info, const char *heading)
{
	pgd_t *pgd = early_pgd(info);
	maddr_t maddr = early_p2m(info, ptr_to_paddr(pgd));

	printk("page tables %s the remap, %s: pgd at P=V %#lx = maddr %#llx\n",
	       heading, PAGING_NAME, paddr_x(ptr_to_paddr(pgd)),
	       (u64)maddr_x(maddr));
	show_table(info, 0, &pgd->pgd, 0);
}
