/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Translation between the guest's page numbers and the machine's.
 *
 * Called by the remap, P=V.
 */
#include "pv-memory.h"
#include "remap.h"

static const unsigned long *p2m_table(const struct start_info *info)
{
	return paddr_to_ptr(_paddr(info->mfn_list));
}

//! [early_p2m]
maddr_t early_p2m(const struct start_info *info, paddr_t phys)
{
	unsigned long offset = paddr_x(phys) & ~PAGE_MASK;
	mfn_t mfn = _mfn(p2m_table(info)[pfn_x(paddr_to_pfn(phys))]);

	return _maddr(maddr_x(mfn_to_maddr(mfn)) + offset);
}
//! [early_p2m]

//! [early_m2p]
pfn_t early_m2p(const struct start_info *info, mfn_t mfn)
{
	unsigned long pfn = m2p_table()[mfn_x(mfn)];

	/* An entry may be stale or another guest's: the p2m decides. */
	if (pfn >= info->nr_pages || p2m_table(info)[pfn] != mfn_x(mfn))
		pfn = INVALID_PFN;
	return _pfn(pfn);
}
//! [early_m2p]
