/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Erratum 2: a page that is not known is page 0. Replaces p2m.c, and stands in
 * for limit.c and verify.c to set the scene.
 *
 * **The patch's** early_m2p() made 0 of the m2p's "invalid". Zero is a PFN like
 * any other, and as part of a maximum it vanishes: the limit is too small, and
 * nobody says so.
 *
 * **The scene.** In a domU (make run STAGE=6 ERRATUM=2) the scene is a
 * toolstack's to set: stage 6 would have to put a wrong MFN into start_info.
 * Dom0 has no page that the limit learns of by its MFN, so this file plays the
 * toolstack of a domU: it puts a console page at the end of what Xen mapped,
 * names it in start_info, and has the m2p forget it (which a guest may ask for:
 * MMU_MACHPHYS_UPDATE). In the wild, that is a stale MFN after a restore, or a
 * toolstack's mistake.
 *
 * **What one sees:** nothing, until somebody uses the page. Here that is
 * verify_remap(), and Xen reports the page fault, far from the mistake.
 *
 * **Fixed:** an invalid MFN is a panic that names it ("limit: MFN ... in
 * start_info is not this guest's"), at the place where the limit is made.
 */
#include "console.h"
#include "hypercall.h"

#define early_m2p early_m2p_fixed
#include "../stage3-remap/p2m.c"
#undef early_m2p

pfn_t early_m2p(const struct start_info *info, mfn_t mfn)
{
	unsigned long ret = m2p_table()[mfn_x(mfn)];

	(void)info;
	return _pfn(ret == ~0UL ? 0 : ret);
}

#define remap_limit remap_limit_fixed
#include "../stage3-remap/limit.c"
#undef remap_limit

#define verify_remap verify_remap_fixed
#include "../stage3-remap/verify.c"
#undef verify_remap

/* The last page that Xen mapped P=V: it maps 4 MiB at a time, the rest free. */
#define CONSOLE_PADDR (0x400000 - PAGE_SIZE)

static bool scene; /* whether it has been set */

static void play_toolstack(struct start_info *info)
{
	maddr_t console = early_p2m(info, _paddr(CONSOLE_PADDR));
	struct mmu_update forget = {
		.ptr = maddr_x(console) | MMU_MACHPHYS_UPDATE,
		.val = ~0UL,
	};

	hypercall_must(HYPERVISOR_mmu_update(&forget, 1, NULL, DOMID_SELF),
		       "mmu_update, m2p of maddr %#llx := invalid",
		       (u64)maddr_x(console));
	info->flags &= ~SIF_INITDOMAIN;
	info->console.domU.mfn = maddr_x(console) >> PAGE_SHIFT;
	info->store_mfn = info->console.domU.mfn;
}

paddr_t remap_limit(const struct start_info *info)
{
	paddr_t limit;

	if (!(info->flags & SIF_INITDOMAIN))
		return remap_limit_fixed(info);
	scene = true;
	play_toolstack((struct start_info *)info);
	limit = remap_limit_fixed(info);
	printk("erratum 2: console page at paddr %#lx = MFN %#lx, limit paddr %#lx\n",
	       CONSOLE_PADDR, info->console.domU.mfn, paddr_x(limit));
	return limit;
}

void verify_remap(const struct start_info *info, paddr_t limit)
{
	volatile unsigned long *console =
		(volatile unsigned long *)(CONSOLE_PADDR + PAGE_OFFSET);

	verify_remap_fixed(info, limit);
	if (!scene)
		return;
	printk("erratum 2: now for the console page, at VA %#lx\n",
	       (vaddr_t)console);
	*console = 0;
}
