/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Page tables that are the kernel's own: changed by stores.
 *
 * Called by pvh_start_kernel(), with traps set up. Compare with stage 3's
 * walk.c, whose every step asks the m2p, and with stage 4's mmu.c: entries hold
 * paddrs here, tables are memory, and loading CR3 is what flushes the TLB.
 */
#include "boot.h"
#include "pgtable.h"
#include "pvh.h"
#include "xen-ops.h"

static unsigned long read_cr3(void)
{
	unsigned long cr3;

	asm volatile("mov %%cr3, %0" : "=r"(cr3));
	return cr3;
}

static pgd_t *own_pgd(void)
{
	return __va(_paddr(read_cr3() & PAGE_MASK));
}

/* The table that an entry points to: its paddr is in the entry. */
static void *next_table(pteval_t entry)
{
	return __va(_paddr((unsigned long)(entry & PTE_MFN_MASK)));
}

//! [own_pmd]
static pmd_t *own_pmd(vaddr_t va)
{
	pgd_t *pgd = own_pgd() + pgd_index(va);
	pud_t *pud = (pud_t *)pgd;

	if (!PUD_FOLDED)
		pud = (pud_t *)next_table(pgd->pgd) + pud_index(va);
	if (PMD_FOLDED)
		return (pmd_t *)pud;
	return (pmd_t *)next_table(pud->pud) + pmd_index(va);
}
//! [own_pmd]

/* The entries are neighbours, since PAGE_OFFSET is a multiple of 1 GiB. */
void pvh_all_is_mapped(void)
{
	verify_large_pages(own_pmd(PAGE_OFFSET), PVH_MAPPED);
}

void *pvh_map_device(u64 paddr)
{
	vaddr_t va = PAGE_OFFSET + PVH_MAPPED;
	u64 page = paddr & ~(u64)(PMD_SIZE - 1);

	own_pmd(va)->pmd =
		page | _PAGE_PRESENT | _PAGE_RW | _PAGE_PCD | _PAGE_PSE;
	asm volatile("invlpg (%0)" : : "r"(va) : "memory");
	return (void *)(va + (unsigned long)(paddr - page));
}

//! [pvh_drop_identity_map]
void pvh_drop_identity_map(void)
{
	pgd_t *pgd = own_pgd();
	unsigned long value;

	/* Now the TLB has the mapping. If it is not flushed, that shows. */
	probe_kernel_read(0, &value);
	for (unsigned int i = 0; i < pgd_index(PAGE_OFFSET); i++)
		pgd[i].pgd = 0;
	asm volatile("mov %0, %%cr3" : : "r"(read_cr3()) : "memory");
}
//! [pvh_drop_identity_map]
