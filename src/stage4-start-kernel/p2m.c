/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The p2m at its linked address: from the guest's numbering of its pages to
 * the machine's.
 *
 * xen_start_kernel() says where it is. Before that, P=V, early_p2m() of stage
 * 3 does the same by start_info itself.
 */
#include "pgtable.h"
#include "xen-ops.h"

unsigned long *phys_to_machine_mapping;

maddr_t phys_to_machine(paddr_t address)
{
	unsigned long offset = paddr_x(address) & ~PAGE_MASK;
	unsigned long pfn = pfn_x(paddr_to_pfn(address));
	mfn_t mfn = _mfn(phys_to_machine_mapping[pfn]);

	return _maddr(maddr_x(mfn_to_maddr(mfn)) + offset);
}
