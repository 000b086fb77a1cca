/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * How code that runs P=V reaches memory: a paddr is a pointer.
 *
 * Used from xen_entry() until the jump into xen_start_kernel(), never later:
 * then the P=V mapping is dropped and a paddr dereferenced is a page fault.
 * The unit tests have another file of this name, where memory is a model.
 */
#ifndef PV_MEMORY_H
#define PV_MEMORY_H

#include "pgtable.h"
#include "sections.h"

/** A pointer to pseudo-physical memory. */
static inline void *paddr_to_ptr(paddr_t address)
{
	return (void *)paddr_x(address);
}

/** The pseudo-physical address that a pointer of the P=V phase holds. */
static inline paddr_t ptr_to_paddr(const void *ptr)
{
	return _paddr((unsigned long)ptr);
}

/** The first paddr beyond the image. */
static inline unsigned long image_end(void)
{
	return (unsigned long)_end;
}

/** Xen's machine-to-pseudo-physical table, indexed by MFN. */
static inline const unsigned long *m2p_table(void)
{
	return (const unsigned long *)M2P_VIRT_START;
}

#endif
