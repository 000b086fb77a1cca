/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * From P=V to the linked address: stage 3.
 *
 * All of it runs P=V, on the page tables that Xen built for the start. Nothing
 * here may be used after the P=V mapping is gone.
 */
#ifndef REMAP_H
#define REMAP_H

#include "pgtable.h"

/** early_m2p()'s answer for a machine page that is not this guest's. */
#define INVALID_PFN (~0UL)

/** How many entries of each level a remap wrote: which road it took. */
struct remap_count {
	unsigned int pgd, pud, pmd;
};

/**
 * The machine address of a pseudo-physical one.
 *
 * @param info start_info, P=V; its mfn_list is the p2m
 * @param phys below nr_pages pages
 */
maddr_t early_p2m(const struct start_info *info, paddr_t phys);

/**
 * The pseudo-physical page number of a machine page.
 *
 * The m2p has an entry for each page of the machine, including those of nobody
 * and of other guests; an answer counts only if the p2m agrees.
 *
 * @return the PFN, or INVALID_PFN if the page is not this guest's
 */
pfn_t early_m2p(const struct start_info *info, mfn_t mfn);

/** The top-level page table that Xen started the guest on, P=V. */
pgd_t *early_pgd(const struct start_info *info);

/** The pud entry that translates @p va; the pgd entry where puds are folded. */
pud_t *get_pud(const struct start_info *info, vaddr_t va);

/** The pmd entry that translates @p va; the pgd entry where pmds are folded. */
pmd_t *get_pmd(const struct start_info *info, vaddr_t va);

/**
 * How far the remap has to reach: over all that the kernel will go on using.
 *
 * @return the first paddr beyond, page aligned
 */
paddr_t remap_limit(const struct start_info *info);

/**
 * Maps [start, limit) at its virtual addresses too, by upper-level entries.
 *
 * The pte pages stay as they are and are reached in two ways afterwards, so
 * every page has two virtual addresses: P=V and the one it is linked for.
 *
 * @param info  start_info, P=V
 * @param start first paddr, aligned to a pgd entry's reach
 * @param limit first paddr beyond, at most REMAP_MAX (or panic)
 * @return how many entries of each level were written
 */
struct remap_count remap_kernel(const struct start_info *info, paddr_t start,
				paddr_t limit);

/**
 * Reads every page below @p limit at both addresses; panics if one differs, or
 * if the limit leaves out what the kernel goes on using.
 *
 * @param info  start_info, P=V
 * @param limit what remap_kernel() was given
 */
void verify_remap(const struct start_info *info, paddr_t limit);

/** Prints the guest's part of the page tables under a heading. */
void show_pagetables(const struct start_info *info, const char *heading);

#endif
