/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Erratum 5: a pointer was forgotten. Replaces repoint.c.
 *
 * **The patch** repointed pt_base and mfn_list, and left mod_start as it was: a
 * P=V address.
 *
 * **What one sees** without a module: nothing. With one: nothing, as long as
 * P=V is mapped, and then a page fault in whoever reads the module last of all,
 * here show_module() (errata.mk gives the run a module).
 *
 * **Fixed** by one line more. The opposite mistake is as near: shared_info is
 * a machine address, store_mfn and console.domU.mfn are MFNs, and with
 * SIF_MOD_START_PFN mod_start is a PFN; to none of them may PAGE_OFFSET be
 * added.
 */
#include "console.h"

#define repoint_start_info repoint_start_info_fixed
#include "../stage4-start-kernel/repoint.c"
#undef repoint_start_info

void repoint_start_info(struct start_info *info)
{
	unsigned long mod_start = info->mod_start;

	printk("erratum 5: mod_start stays at P=V %#lx\n", mod_start);
	repoint_start_info_fixed(info);
	info->mod_start = mod_start;
}
