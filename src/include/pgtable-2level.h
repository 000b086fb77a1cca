/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Geometry of two-level paging: i386 without PAE.
 *
 *      31        22 21        12 11        0
 *     +------------+------------+-----------+
 *     | pgd index  | pte index  |  offset   |     entries of 4 bytes
 *     +------------+------------+-----------+
 *
 * pud and pmd do not exist: whoever asks for the pmd entry of an address gets
 * its pgd entry ("folded"). Entries 0x3f0 and up are Xen's. Hypervisors that
 * run such guests ended in 2008.
 */
#ifndef PGTABLE_2LEVEL_H
#define PGTABLE_2LEVEL_H

//! [geometry]
/** What this kind of paging is called in print. */
#define PAGING_NAME "two levels"

/** What the processor reads from a page table. */
typedef u32 pteval_t;
/** The bits of an entry that are a machine address. */
#define PTE_MFN_MASK 0xfffff000U

/** @{ Of each level: bits below its index, and entries in a table. */
#define PGDIR_SHIFT  22
#define PTRS_PER_PGD 1024
#define PUD_SHIFT    PGDIR_SHIFT
#define PTRS_PER_PUD 1
#define PMD_SHIFT    PGDIR_SHIFT
#define PTRS_PER_PMD 1
#define PTRS_PER_PTE 1024
/** @} */

/** @{ Xen's part of the address space, to its last byte. */
#define XEN_VIRT_START HYPERVISOR_VIRT_START_NONPAE
#define XEN_VIRT_LAST  0xffffffffUL
/** @} */

/** Xen's m2p, mapped into every guest. */
#define M2P_VIRT_START MACH2PHYS_VIRT_START_NONPAE

/** No pgd entry maps both the guest's memory and Xen's: entries are too small.
 */
#define SHARED_SLOT_START (~0UL)

/** Bytes from paddr 0 that can be remapped: VA below Xen's, clear of P=V. */
#define REMAP_MAX min(PAGE_OFFSET, XEN_VIRT_START - PAGE_OFFSET)

/** The most entries that takes. */
#define REMAP_MAX_UPDATES (REMAP_MAX >> PGDIR_SHIFT)
//! [geometry]

#endif
