/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Erratum 7: not every limit can be mapped. Replaces remap.c.
 *
 * **The patch** copied pmd entries up to the limit, whatever it was. From
 * PAGE_OFFSET 0xc0000000 there are 856 MiB up to Xen's 0xf5800000; pmd entry
 * 428 of the slot that both share is Xen's.
 *
 * **What one sees** with a limit beyond (hole.S makes the image that large):
 * 428 updates are done, then Xen says `L2 update in
 * Xen-private area` and mmu_update returns -1 (EPERM).
 *
 * **Fixed:** remap_kernel() compares the limit with REMAP_MAX before it
 * changes anything, and says both numbers.
 */
#include "remap.h"

#undef REMAP_MAX
#define REMAP_MAX    (~0UL)
#define remap_kernel remap_kernel_unchecked
#include "../stage3-remap/remap.c"
#undef remap_kernel

struct remap_count remap_kernel(const struct start_info *info, paddr_t start,
				paddr_t limit)
{
	printk("erratum 7: limit paddr %#lx, whose VA is %#lx\n",
	       paddr_x(limit), paddr_x(limit) + PAGE_OFFSET);
	return remap_kernel_unchecked(info, start, limit);
}
