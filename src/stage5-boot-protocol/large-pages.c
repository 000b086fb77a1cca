/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Whether a mapping of large pages leads where it should, to its end.
 *
 * Called by native_start_kernel(), and by pvh_start_kernel() of stage 7, at the
 * linked address. The kernel itself needs the first entries only, and would not
 * miss others, nor notice where they lead.
 */
#include "boot.h"
#include "console.h"

/* ACCESSED and DIRTY are the processor's, and are not looked at. */
void verify_large_pages(const pmd_t *pmd, unsigned long end)
{
	const pteval_t flags = _PAGE_PRESENT | _PAGE_RW | _PAGE_PSE;

	for (unsigned long paddr = 0; paddr < end; paddr += PMD_SIZE) {
		pteval_t entry = pmd++->pmd;

		if ((entry & (PTE_MFN_MASK | flags)) != (paddr | flags))
			panic("page tables: VA %#lx has the entry %#llx, and is to be a large page at paddr %#lx",
			      PAGE_OFFSET + paddr, (u64)entry, paddr);
	}
}
