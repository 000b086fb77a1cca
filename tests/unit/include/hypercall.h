/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The one hypercall of the remap, as a function of the model: see xen.c.
 *
 * Stands in for src/include/hypercall.h.
 */
#ifndef HYPERCALL_H
#define HYPERCALL_H

#include "address.h"
#include "xen-interface.h"

/** Applies @p count page-table updates; @p done receives how many were. */
long HYPERVISOR_mmu_update(const struct mmu_update *updates, unsigned int count,
			   unsigned int *done, domid_t domain);

#endif
