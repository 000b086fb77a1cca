/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Geometry of three-level paging: i386 with PAE.
 *
 *      31 30 29        21 20        12 11        0
 *     +-----+------------+------------+-----------+
 *     | pgd | pmd index  | pte index  |  offset   |     entries of 8 bytes
 *     +-----+------------+------------+-----------+
 *
 * The pgd has four entries ("slots") of 1 GiB. Xen lives at the top of slot 3,
 * in the upper 84 entries of the pmd page there; the lower 428 are the guest's.
 * That makes slot 3 the one place where guest and hypervisor share a page-table
 * page, and the reason why the remap has two roads.
 */
#ifndef PGTABLE_3LEVEL_H
#define PGTABLE_3LEVEL_H

//! [geometry]
/** What this kind of paging is called in print. */
#define PAGING_NAME "three levels (PAE)"

/** What the processor reads from a page table. */
typedef u64 pteval_t;
/** The bits of an entry that are a machine address. */
#define PTE_MFN_MASK 0x000ffffffffff000ULL

/** @{ Of each level: bits below its index, and entries in a table. */
#define PGDIR_SHIFT  30
#define PTRS_PER_PGD 4
#define PUD_SHIFT    PGDIR_SHIFT
#define PTRS_PER_PUD 1
#define PMD_SHIFT    21
#define PTRS_PER_PMD 512
#define PTRS_PER_PTE 512
/** @} */

/** @{ Xen's part of the address space, to its last byte. */
#define XEN_VIRT_START HYPERVISOR_VIRT_START_PAE
#define XEN_VIRT_LAST  0xffffffffUL
/** @} */

/** Xen's m2p, mapped into every guest. */
#define M2P_VIRT_START MACH2PHYS_VIRT_START_PAE

/** VA where the pgd slot begins that guest and Xen share. */
#define SHARED_SLOT_START (XEN_VIRT_START & ~((1UL << PGDIR_SHIFT) - 1))

/** Bytes from paddr 0 that can be remapped: VA below Xen's, clear of P=V. */
#define REMAP_MAX min(PAGE_OFFSET, XEN_VIRT_START - PAGE_OFFSET)

/** The most entries that takes, if every one were a pmd. */
#define REMAP_MAX_UPDATES (REMAP_MAX >> PMD_SHIFT)
//! [geometry]

#endif
