/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The address words, as types.
 *
 * A paravirtual kernel lives with three kinds of address, all of them plain
 * numbers, and confusing two of them is the commonest mistake in early boot:
 *
 * - **VA**: virtual, what a pointer holds. The page tables translate it.
 * - **paddr**, counted in pages **PFN**: pseudo-physical. The kernel's own
 *   numbering of its memory, from 0 up without holes. Hardware never sees it.
 *   While the kernel runs P=V, a paddr is also a VA.
 * - **maddr**, counted in pages **MFN**: machine. Where the page really is in
 *   RAM. Page-table entries and Xen's interface take these.
 *
 * The p2m (start_info's mfn_list) gives the MFN of a PFN, the m2p (a table of
 * Xen's that every guest can read) the PFN of an MFN.
 *
 * Each is a struct of its own here, so that the compiler refuses one in place
 * of another. The underscore functions make a typed value, the _x functions
 * take the number out again: both are places where a reader should look twice.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include "page.h"
#include "types.h"

//! [address_words]
/** A virtual address as a number: what a pointer holds. */
typedef unsigned long vaddr_t;

/** A pseudo-physical address, in bytes. */
typedef struct {
	unsigned long paddr;
} paddr_t;

/** A pseudo-physical page number. */
typedef struct {
	unsigned long pfn;
} pfn_t;

/** A machine address, in bytes: 36 bits and more under PAE. */
typedef struct {
	u64 maddr;
} maddr_t;

/** A machine page number. */
typedef struct {
	unsigned long mfn;
} mfn_t;
//! [address_words]

/** @{ A number, made an address or page number of its kind. */
static inline paddr_t _paddr(unsigned long bytes)
{
	return (paddr_t){bytes};
}

static inline pfn_t _pfn(unsigned long number)
{
	return (pfn_t){number};
}

static inline maddr_t _maddr(u64 bytes)
{
	return (maddr_t){bytes};
}

static inline mfn_t _mfn(unsigned long number)
{
	return (mfn_t){number};
}
/** @} */

/** @{ The number in a typed address or page number. */
static inline unsigned long paddr_x(paddr_t address)
{
	return address.paddr;
}

static inline unsigned long pfn_x(pfn_t page)
{
	return page.pfn;
}

static inline u64 maddr_x(maddr_t address)
{
	return address.maddr;
}

static inline unsigned long mfn_x(mfn_t page)
{
	return page.mfn;
}
/** @} */

/** The page that a pseudo-physical address lies in. */
static inline pfn_t paddr_to_pfn(paddr_t address)
{
	return _pfn(address.paddr >> PAGE_SHIFT);
}

/** Where a pseudo-physical page begins. */
static inline paddr_t pfn_to_paddr(pfn_t page)
{
	return _paddr(page.pfn << PAGE_SHIFT);
}

/** Where a machine page begins. */
static inline maddr_t mfn_to_maddr(mfn_t page)
{
	return _maddr((u64)page.mfn << PAGE_SHIFT);
}

#endif
