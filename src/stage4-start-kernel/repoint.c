/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The pointers in start_info, changed to linked addresses.
 *
 * Called by xen_entry(), P=V, after the remap and right before the jump. Xen
 * filled start_info with virtual addresses that hold while P=V is mapped.
 */
#include "xen-ops.h"

struct start_info *xen_start_info;

static unsigned long repoint(unsigned long pv)
{
	return pv + PAGE_OFFSET;
}

/*
 * Only pointers move. shared_info is a machine address, store_mfn and
 * console.domU.mfn are MFNs, and mod_start is a PFN if a flag says so.
 */
//! [repoint_start_info]
void repoint_start_info(struct start_info *info)
{
	info->pt_base = repoint(info->pt_base);
	info->mfn_list = repoint(info->mfn_list);
	if (info->mod_len && !(info->flags & SIF_MOD_START_PFN))
		info->mod_start = repoint(info->mod_start);

	xen_start_info = (struct start_info *)repoint((vaddr_t)info);
}
//! [repoint_start_info]
