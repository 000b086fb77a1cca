/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Erratum 3: the limit is rounded up twice. Replaces limit.c.
 *
 * **The patch** added a page to the limit (right: it covers the boot stack,
 * which lies behind the page tables), and when it called remap_kernel() one
 * more (surplus). Nothing is at the second.
 *
 * **What one sees**, nearly always, is nothing: the second page is in the same
 * 2 MiB as the first, or else one more pmd entry is copied. Xen maps at least
 * 512 KiB beyond the boot stack, so there is an entry to copy. But one size of
 * kernel is left: the largest that can be mapped. hole.S makes this image so
 * large that its limit is the first paddr without a virtual address, the one
 * whose VA would be Xen's 0xf5800000. It can boot, and the surplus page is all
 * that prevents it. In the patch mmu_update returns -1
 * for that page, and BUG() follows; here remap_kernel() looks first, and
 * panics.
 *
 * **Fixed:** remap_limit() takes the boot stack in by its address, and the
 * rounding is done once.
 */
#define remap_limit remap_limit_fixed
#include "../stage3-remap/limit.c"
#undef remap_limit

paddr_t remap_limit(const struct start_info *info)
{
	paddr_t limit = remap_limit_fixed(info);

	printk("erratum 3: limit paddr %#lx, and one page for nothing\n",
	       paddr_x(limit));
	return _paddr(paddr_x(limit) + PAGE_SIZE);
}
