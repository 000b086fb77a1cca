/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Down the page tables, by software.
 *
 * Entries hold machine addresses and code can read virtual ones: each step
 * takes the MFN out of an entry, asks the m2p for its PFN, and reads the table
 * P=V. Called by the remap and by show_pagetables(), P=V.
 */
#include "console.h"
#include "pv-memory.h"
#include "remap.h"

pgd_t *early_pgd(const struct start_info *info)
{
	return paddr_to_ptr(_paddr(info->pt_base));
}

/* The table that an entry points to. */
static void *next_table(const struct start_info *info, pteval_t entry)
{
	pfn_t pfn = early_m2p(info, pteval_mfn(entry));

	if (!pteval_present(entry) || pfn_x(pfn) == INVALID_PFN)
		panic("page table walk: entry %#llx leads to no table of this guest",
		      (u64)entry);
	return paddr_to_ptr(pfn_to_paddr(pfn));
}

//! [get_pmd]
pud_t *get_pud(const struct start_info *info, vaddr_t va)
{
	pgd_t *pgd = early_pgd(info) + pgd_index(va);

	if (PUD_FOLDED)
		return (pud_t *)pgd;
	return (pud_t *)next_table(info, pgd->pgd) + pud_index(va);
}

pmd_t *get_pmd(const struct start_info *info, vaddr_t va)
{
	pud_t *pud = get_pud(info, va);

	if (PMD_FOLDED)
		return (pmd_t *)pud;
	return (pmd_t *)next_table(info, pud->pud) + pmd_index(va);
}
//! [get_pmd]
