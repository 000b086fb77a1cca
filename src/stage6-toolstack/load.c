/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The image, in the guest's memory.
 *
 * Called by build_guest() once the guest has pages. They may hold anything (a
 * debug Xen fills them with c2), so what is not loaded has to be cleared.
 */
#include "toolstack.h"

/* Only for an image that names the page; the kit's stages have an MSR do it. */
//! [write_stubs]
static void write_stubs(const struct guest *guest)
{
	u64 paddr = guest->image.hypercall_page - guest->image.virt_base;
	struct xen_domctl op = {};

	if (guest->image.hypercall_page == NO_ADDRESS)
		return;
	if (paddr >= (u64)guest->nr_pages << PAGE_SHIFT)
		panic("image: HYPERCALL_PAGE %#llx is not in the guest's memory",
		      guest->image.hypercall_page);
	op.u.hypercall_init.gmfn = mfn_x(guest_mfn(guest, paddr >> PAGE_SHIFT));
	domctl_must(&op, hypercall_init, guest);
}
//! [write_stubs]

//! [load_image]
void load_image(const struct guest *guest)
{
	const struct image *image = &guest->image;
	struct part part;

	for (unsigned int i = 0; image_next(image, SEGMENT_LOAD, &i, &part);) {
		guest_write(guest, part.paddr, part.bytes, part.filesz);
		guest_clear(guest, part.paddr + part.filesz,
			    part.memsz - part.filesz);
		printk("toolstack: loaded paddr %#llx to %#llx, cleared to %#llx\n",
		       part.paddr, part.paddr + part.filesz,
		       part.paddr + part.memsz);
	}
	write_stubs(guest);
}
//! [load_image]

/* Dom0 does not interpret either file: it copies bytes. */
//! [load_module]
void load_module(const struct guest *guest)
{
	u64 paddr = (u64)guest->mod_start << PAGE_SHIFT;

	if (!guest->module.size)
		return;
	guest_write(guest, paddr, guest->module.start, guest->module.size);
	printk("toolstack: loaded the module, %lu bytes, at paddr %#llx\n",
	       guest->module.size, paddr);
}
//! [load_module]
