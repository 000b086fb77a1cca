/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The guest's pages, and the list of them that is its p2m.
 *
 * Called by build_guest() after the layout. From here on each PFN has an MFN.
 */
#include "hypercall.h"
#include "toolstack.h"

/* A 32-bit dom0's list is translated anew whenever Xen lets itself be
 * interrupted, so a long list takes quadratic time.
 */
#define BATCH 32

mfn_t guest_mfn(const struct guest *guest, unsigned long pfn)
{
	if (pfn >= guest->nr_pages)
		panic("toolstack: the guest has no PFN %#lx, only %lu pages",
		      pfn, guest->nr_pages);
	return _mfn(guest->p2m[pfn]);
}

static void populate_batch(struct guest *guest, unsigned long pfn)
{
	struct xen_memory_reservation pages = {.nr_extents = BATCH,
					       .domid = guest->id};
	long ret;

	set_xen_guest_handle(pages.extent_start, guest->p2m + pfn);
	ret = hypercall(__HYPERVISOR_memory_op, XENMEM_populate_physmap,
			HYPERCALL_PTR(&pages), 0, 0, 0);
	if (ret != BATCH)
		panic("memory_op(populate_physmap): %ld of %u pages at PFN %#lx",
		      ret, BATCH, pfn);
}

/* The list goes in with PFNs and comes back with MFNs. Xen writes the m2p, the
 * other direction, on the way. Of a PVH guest's the MFNs stay with Xen, and a
 * PFN names a page to all others, too.
 */
//! [populate]
void populate(struct guest *guest)
{
	struct xen_domctl op = {.u.max_mem.max_memkb =
					guest->nr_pages * (PAGE_SIZE / 1024)};

	domctl_must(&op, max_mem, guest);
	for (unsigned long pfn = 0; pfn < guest->nr_pages; pfn++)
		guest->p2m[pfn] = pfn;
	for (unsigned long pfn = 0; pfn < guest->nr_pages; pfn += BATCH)
		populate_batch(guest, pfn);
	if (guest->pvh)
		printk("toolstack: %lu pages, and only Xen knows the MFNs\n",
		       guest->nr_pages);
	else
		printk("toolstack: %lu pages, PFN 0 is MFN %#lx\n",
		       guest->nr_pages, mfn_x(guest_mfn(guest, 0)));
}
//! [populate]

/* An MFN a word, and the word is the guest's: ours may be of the other width.
 */
//! [write_mfn_list]
void write_mfn_list(const struct guest *guest)
{
	unsigned int word = guest->image.bits / 8;
	u64 paddr = (u64)guest->mfn_list << PAGE_SHIFT;

	for (unsigned long pfn = 0; pfn < guest->nr_pages; pfn++) {
		u64 mfn = mfn_x(guest_mfn(guest, pfn));

		guest_write(guest, paddr + pfn * word, &mfn, word);
	}
}
//! [write_mfn_list]
