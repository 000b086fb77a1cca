/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Erratum 1: dom0's start_info has no console page. Replaces limit.c.
 *
 * **The patch** took `info->console.domU.mfn` and `info->store_mfn` into the
 * limit without asking what kind of domain it was in. Both exist in a domU
 * only. In dom0 the union holds console.dom0 instead, where the video mode
 * Xen left behind is described: `info_off` and `info_size`, two byte counts.
 *
 * **What one sees**, on x86-64: the two 32-bit counts are read as one "MFN" of
 * 0x28_0000_0490 or so, the m2p entry of which lies far behind the m2p: page
 * fault, in the middle of remap_limit(). On 32 bits the "MFN" is 0x490 alone.
 * That machine page is not the guest's, erratum 2 makes its PFN 0, and the
 * limit comes out right, by luck. On the Xen of 2007 there was no such luck:
 * the page had a PFN, the limit was 1.3 GB, and mmu_update failed. As a domU
 * (make run STAGE=6 ERRATUM=1) nothing is wrong: there is such a page.
 *
 * **Fixed** by one question: SIF_INITDOMAIN.
 */
#define remap_limit remap_limit_fixed
#include "../stage3-remap/limit.c"
#undef remap_limit

static unsigned long patch_m2p(unsigned long mfn)
{
	unsigned long ret = m2p_table()[mfn];

	return ret == ~0UL ? 0 : ret;
}

paddr_t remap_limit(const struct start_info *info)
{
	unsigned long limit = paddr_x(remap_limit_fixed(info));
	unsigned long console = info->console.domU.mfn;

	printk("erratum 1: is there a console page? Its MFN would be %#lx, its m2p entry at VA %#lx\n",
	       console, (vaddr_t)&m2p_table()[console]);
	limit = max(limit, patch_m2p(console) << PAGE_SHIFT);
	limit = max(limit, patch_m2p(info->store_mfn) << PAGE_SHIFT);
	return _paddr(PAGE_ALIGN(limit));
}
