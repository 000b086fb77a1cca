/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * How far the remap has to reach.
 *
 * Called by xen_entry(), P=V. Xen laid these out one behind the other, but in
 * an order that it does not promise; so each is looked at.
 */
#include "console.h"
#include "pv-memory.h"
#include "remap.h"

/* The end of a page that is named by its MFN, if the page is ours at all. */
static unsigned long mfn_end(const struct start_info *info, mfn_t mfn)
{
	pfn_t pfn = early_m2p(info, mfn);

	if (pfn_x(pfn) == INVALID_PFN)
		panic("limit: MFN %#lx in start_info is not this guest's",
		      mfn_x(mfn));
	return paddr_x(pfn_to_paddr(pfn)) + PAGE_SIZE;
}

//! [remap_limit]
paddr_t remap_limit(const struct start_info *info)
{
	unsigned long limit = image_end();

	limit = max(limit, paddr_x(ptr_to_paddr(info + 1)));
	limit = max(limit, info->pt_base + info->nr_pt_frames * PAGE_SIZE);
	limit = max(limit,
		    info->mfn_list + info->nr_pages * sizeof(unsigned long));
	limit = max(limit, info->mod_start + info->mod_len);
	/* Xen's boot stack, which this very function runs on. */
	limit = max(limit, paddr_x(ptr_to_paddr(__builtin_frame_address(0))));

	/* Dom0 has no such pages: the union holds console.dom0 there. */
	if (!(info->flags & SIF_INITDOMAIN)) {
		limit = max(limit, mfn_end(info, _mfn(info->console.domU.mfn)));
		limit = max(limit, mfn_end(info, _mfn(info->store_mfn)));
	}

	return _paddr(PAGE_ALIGN(limit));
}
//! [remap_limit]
