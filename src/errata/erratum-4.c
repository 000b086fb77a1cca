/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Erratum 4: the pgd road is never taken. Replaces remap.c.
 *
 * **The patch** decided by the destination: if the pgd entry there is in use
 * (not 0), then by Xen, so the pmd entries are copied one by one; else the pgd
 * entry is copied. But Xen gives a PAE guest all four pgd entries, with an
 * empty pmd page each. The question is always answered yes.
 *
 * **What one sees**, with VMSPLIT=2G or 1G: no crash, only work: an entry per
 * 2 MiB where one would do for a GiB, each a hypercall of its own in the patch.
 * A run that does not do what it was built for has failed, so this file counts
 * and panics.
 *
 * **Fixed:** what matters is not whether the entry is in use, but whether it
 * is the one that Xen lives in, and that follows from the addresses alone.
 */
#define remap_kernel remap_kernel_fixed
#include "../stage3-remap/remap.c"
#undef remap_kernel

struct remap_count remap_kernel(const struct start_info *info, paddr_t start,
				paddr_t limit)
{
	pgd_t *dst = early_pgd(info) + pgd_index(PAGE_OFFSET);
	struct remap_count count = {};

	if (dst->pgd != 0)
		count.pmd =
			remap_kernel_pmd(info, paddr_x(start), paddr_x(limit));
	else
		count.pgd =
			remap_kernel_pgd(info, paddr_x(start), paddr_x(limit));
	flush_batch();

	if (count.pmd)
		panic("erratum 4: pgd[%u] was %#llx, not 0: %u pmd entries copied, where 1 pgd entry does",
		      pgd_index(PAGE_OFFSET), (u64)dst->pgd, count.pmd);
	return count;
}
