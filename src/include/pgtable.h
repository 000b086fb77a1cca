/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Page-table entries of every level, and where an address finds its own.
 *
 * A table is one page of entries. An entry holds the MFN of the next table
 * (or, in a pte, of the page itself) and flags in its low bits:
 *
 *      bit 0 PRESENT  1 RW  2 USER  3 PWT  4 PCD  5 ACCESSED  6 DIRTY  7 PSE
 *
 * Tables are linked by *machine* addresses: to follow an entry, the kernel
 * needs the m2p. The levels are pgd, pud, pmd, pte from the top; which of them
 * exist is defined in one header for each paging mode.
 *
 * Source: Intel SDM volume 3A, chapter 4 (paging).
 */
#ifndef PGTABLE_H
#define PGTABLE_H

#include "address.h"
#include "xen-interface.h"

#if defined(CONFIG_X86_64)
#include "pgtable-4level.h"
#elif defined(CONFIG_X86_PAE)
#include "pgtable-3level.h"
#else
#include "pgtable-2level.h"
#endif

/** @{ Bytes of virtual memory that one entry stands for. */
#define PGDIR_SIZE (1UL << PGDIR_SHIFT)
#define PUD_SIZE   (1UL << PUD_SHIFT)
#define PMD_SIZE   (1UL << PMD_SHIFT)
/** @} */

/* A table's entries together stand for what one entry of the level above does.
 */
_Static_assert((u64)PTRS_PER_PTE << PAGE_SHIFT == PMD_SIZE, "pte");
_Static_assert((u64)PTRS_PER_PMD << PMD_SHIFT == PUD_SIZE, "pmd");
_Static_assert((u64)PTRS_PER_PUD << PUD_SHIFT == PGDIR_SIZE, "pud");

/** @{ Levels that this mode leaves out are folded into the one above. */
#define PUD_FOLDED (PTRS_PER_PUD == 1)
#define PMD_FOLDED (PTRS_PER_PMD == 1)
/** @} */

/* Four levels translate 48 bits of an address, fewer levels 32. */
_Static_assert((u64)PTRS_PER_PGD << PGDIR_SHIFT ==
		       1ULL << (PUD_FOLDED ? 32 : 48),
	       "pgd");

/** @{ Flags of an entry; the head of this file has them all. */
#define _PAGE_PRESENT 0x001
#define _PAGE_RW      0x002
#define _PAGE_USER    0x004
#define _PAGE_PCD     0x010
#define _PAGE_PSE     0x080
/** @} */

/** An entry of the top level. Each level has a type of its own. */
typedef struct {
	pteval_t pgd;
} pgd_t;

/** An entry of the second level: x86-64 alone has it. */
typedef struct {
	pteval_t pud;
} pud_t;

/** An entry for 2 MiB. */
typedef struct {
	pteval_t pmd;
} pmd_t;

/** An entry for a page. */
typedef struct {
	pteval_t pte;
} pte_t;

/** @{ Which entry of a level's table translates an address. @p va a VA. */
static inline unsigned int pgd_index(vaddr_t va)
{
	return (va >> PGDIR_SHIFT) % PTRS_PER_PGD;
}

static inline unsigned int pud_index(vaddr_t va)
{
	return (va >> PUD_SHIFT) % PTRS_PER_PUD;
}

static inline unsigned int pmd_index(vaddr_t va)
{
	return (va >> PMD_SHIFT) % PTRS_PER_PMD;
}

static inline unsigned int pte_index(vaddr_t va)
{
	return (va >> PAGE_SHIFT) % PTRS_PER_PTE;
}
/** @} */

/** The machine page that an entry names. */
static inline mfn_t pteval_mfn(pteval_t entry)
{
	return _mfn((entry & PTE_MFN_MASK) >> PAGE_SHIFT);
}

/** Whether the processor would follow an entry at all. */
static inline bool pteval_present(pteval_t entry)
{
	return entry & _PAGE_PRESENT;
}

/** Whether a virtual address lies in Xen's part of the address space. */
static inline bool va_is_xens(vaddr_t va)
{
	return va >= XEN_VIRT_START && va <= XEN_VIRT_LAST;
}

#endif
