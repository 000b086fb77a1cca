/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * How the code under test reaches memory: a paddr is an offset into the model.
 *
 * Stands in for src/include/pv-memory.h, with the same functions.
 */
#ifndef PV_MEMORY_H
#define PV_MEMORY_H

#include "machine.h"
#include "pgtable.h"

static inline void *paddr_to_ptr(paddr_t address)
{
	return machine.memory + paddr_x(address);
}

static inline paddr_t ptr_to_paddr(const void *ptr)
{
	return _paddr((unsigned long)((const u8 *)ptr - machine.memory));
}

static inline unsigned long image_end(void)
{
	return machine.image_end;
}

static inline const unsigned long *m2p_table(void)
{
	return machine.m2p;
}

/** The boot stack, too, lies in the model, not where the test's own one is. */
#define __builtin_frame_address(level) \
	paddr_to_ptr(_paddr(machine.stack_pointer))

#endif
