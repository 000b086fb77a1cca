/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Paging of a 64-bit kernel: there is nothing left to do.
 *
 * Called by pvh_entry(), where a 32-bit kernel turns paging on, with stage 5's
 * native-paging_32.c. On 64 bits the head had to: there is no long mode, and
 * so no C, without it.
 */
#include "boot.h"
#include "console.h"
#include "pgtable.h"
#include "pvh.h"

void native_enable_paging(void)
{
	printk("  paging on: %s, paddr 0 to %#lx at P=V and from VA %#lx\n",
	       PAGING_NAME, PVH_MAPPED + PMD_SIZE, PAGE_OFFSET);
}
