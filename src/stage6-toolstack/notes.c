/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The guest's notes: what the image asks of whoever builds a domain of it.
 *
 * Called by image_parse(): first to read them, then, when it is known how far
 * the image reaches, to check them. Xen reads the same notes of dom0's image.
 *
 * Source: xen/elfnote.h; xen/arch-x86/xen-x86_32.h and xen-x86_64.h.
 */
#include "string.h"
#include "toolstack.h"
#include <xen/elfnote.h>

/** @{ Where Xen itself is mapped in a guest of each width, on 32 bits to the
 * end: VAs. The other width's header cannot be included beside our own.
 */
#define XEN_START_32 0xf5800000ULL
#define XEN_START_64 0xffff800000000000ULL
#define XEN_END_64   0xffff880000000000ULL
/** @} */
#ifdef CONFIG_X86_64
_Static_assert(XEN_START_64 == HYPERVISOR_VIRT_START, "XEN_START_64");
_Static_assert(XEN_END_64 == HYPERVISOR_VIRT_END, "XEN_END_64");
#else
_Static_assert(XEN_START_32 == HYPERVISOR_VIRT_START, "XEN_START_32");
#endif

static bool begins(const u8 *desc, u64 length, const char *with)
{
	return length >= strlen(with) && memcmp(desc, with, strlen(with)) == 0;
}

//! [take_note]
static void take_note(struct image *image, u32 type, const u8 *desc, u64 length)
{
	u64 value = length == 4 || length == 8 ? image_number(desc, length) : 0;

	switch (type) {
	case XEN_ELFNOTE_XEN_VERSION:
		image->is_xen = begins(desc, length, "xen-3.0");
		break;
	case XEN_ELFNOTE_PAE_MODE:
		image->pae = begins(desc, length, "yes");
		break;
	case XEN_ELFNOTE_LOADER:
		image->loader |= begins(desc, length, "generic");
		break;
	case XEN_ELFNOTE_GUEST_OS:
		image->loader |= begins(desc, length, "linux");
		break;
	case XEN_ELFNOTE_VIRT_BASE:
		image->virt_base = value;
		break;
	case XEN_ELFNOTE_PADDR_OFFSET:
		image->paddr_offset = value;
		break;
	case XEN_ELFNOTE_ENTRY:
		image->entry = value;
		break;
	case XEN_ELFNOTE_PHYS32_ENTRY:
		image->phys_entry = value;
		break;
	case XEN_ELFNOTE_HYPERCALL_PAGE:
		image->hypercall_page = value;
		break;
	}
}
//! [take_note]

/* Names and values are padded to four bytes: src/include/elfnote.h. */
static void take_all(struct image *image, struct part notes)
{
	const u8 *at = notes.bytes;
	u64 left = notes.filesz;

	while (left >= 12) {
		u64 name = (image_number(at, 4) + 3) & ~3ULL;
		u64 desc = image_number(at + 4, 4);
		u64 all = 12 + name + ((desc + 3) & ~3ULL);

		if (all > left)
			panic("image: a note is longer than what it stands in");
		if (name == 4 && begins(at + 12, name, "Xen"))
			take_note(image, image_number(at + 8, 4),
				  at + 12 + name, desc);
		at += all;
		left -= all;
	}
}

/* Notes belong into a segment; some guests (mini-os) have them in a section
 * only, and Xen looks there, too, if it has found none.
 */
//! [image_take_notes]
void image_take_notes(struct image *image)
{
	struct part part;

	for (unsigned int i = 0; image_next(image, SEGMENT_NOTE, &i, &part);)
		take_all(image, part);
	if (image->is_xen)
		return;
	for (unsigned int i = 0; image_next(image, SECTION_NOTE, &i, &part);)
		take_all(image, part);
}
//! [image_take_notes]

/* Whether @p paddr is where the image is. */
static void check_entry(const struct image *image, u64 paddr)
{
	if (paddr >= image->end)
		panic("image: its entry, paddr %#llx, is beyond its end, %#llx",
		      paddr, image->end);
}

/* Of a VA of 64 bits, the upper 17 are alike. */
static void check_virt_base(const struct image *image)
{
	u64 base = image->virt_base;
	u64 last = base + ((u64)MAX_GUEST_PAGES << PAGE_SHIFT) - 1;
	u64 sign = image->bits == 64 ? last >> 47 : last >> 32;
	bool xens = image->bits == 64
			    ? last >= XEN_START_64 && base < XEN_END_64
			    : last >= XEN_START_32;

	if (base & ~PAGE_MASK || last < base ||
	    (sign && (image->bits == 32 || sign != 0x1ffff)))
		panic("image: its note VIRT_BASE, %#llx, is no VA of a page with room for a guest",
		      base);
	if (xens)
		panic("image: its note VIRT_BASE, %#llx, leads to where Xen itself is mapped",
		      base);
}

void image_check_notes(const struct image *image, bool pvh)
{
	if (pvh && !image->phys_entry)
		panic("image: it has no note PHYS32_ENTRY, and so no entry as PVH");
	if (pvh) {
		check_entry(image, image->phys_entry);
		return;
	}
	if (!image->is_xen || !image->loader)
		panic("image: it has no notes of a Xen guest (XEN_VERSION xen-3.0 and LOADER generic)");
	if (image->bits == 32 && !image->pae)
		panic("image: its note PAE_MODE is not yes, and Xen runs no other 32-bit guests");
	check_virt_base(image);
	check_entry(image, image->entry - image->virt_base);
}
