/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Geometry of four-level paging: x86-64.
 *
 *      63   48 47        39 38        30 29        21 20        12 11        0
 *     +-------+------------+------------+------------+------------+-----------+
 *     | sign  | pgd index  | pud index  | pmd index  | pte index  |  offset   |
 *     +-------+------------+------------+------------+------------+-----------+
 *
 * Entries are 8 bytes; bits 63 to 48 of an address repeat bit 47. Xen owns pgd
 * entries 256 to 271 whole, so no table below the pgd is shared with it.
 */
#ifndef PGTABLE_4LEVEL_H
#define PGTABLE_4LEVEL_H

//! [geometry]
/** What this kind of paging is called in print. */
#define PAGING_NAME "four levels (x86-64)"

/** What the processor reads from a page table. */
typedef u64 pteval_t;
/** The bits of an entry that are a machine address. */
#define PTE_MFN_MASK 0x000ffffffffff000ULL

/** @{ Of each level: bits below its index, and entries in a table. */
#define PGDIR_SHIFT  39
#define PTRS_PER_PGD 512
#define PUD_SHIFT    30
#define PTRS_PER_PUD 512
#define PMD_SHIFT    21
#define PTRS_PER_PMD 512
#define PTRS_PER_PTE 512
/** @} */

/** @{ Xen's part of the address space, to its last byte. */
#define XEN_VIRT_START HYPERVISOR_VIRT_START
#define XEN_VIRT_LAST  (HYPERVISOR_VIRT_END - 1)
/** @} */

/** Xen's m2p, mapped into every guest. */
#define M2P_VIRT_START MACH2PHYS_VIRT_START

/** No pgd entry maps both the guest's memory and Xen's: Xen has whole ones. */
#define SHARED_SLOT_START (~0UL)

/** Bytes from paddr 0 that can be remapped: P=V clear of the text's pud
 * entries. */
#define REMAP_MAX (LOAD_OFFSET & ((1UL << PGDIR_SHIFT) - 1))

/** The most entries that takes: one pgd entry, two pud entries and their pgd
 * entry. */
#define REMAP_MAX_UPDATES 4
//! [geometry]

#endif
