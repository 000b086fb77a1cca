/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The guest's notes: what the image asks of whoever builds a domain of it.
 *
 * Called by image_parse(). Xen reads the same notes of dom0's image.
 *
 * Source: xen/elfnote.h.
 */
#include "string.h"
#include "toolstack.h"
#include <xen/elfnote.h>

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
static void take_notes(struct image *image, struct segment notes)
{
	const u8 *at = image->file.start + (unsigned long)notes.offset;
	u64 left = notes.filesz;

	while (left >= 12) {
		u64 name = (image_number(at, 4) + 3) & ~3ULL;
		u64 desc = image_number(at + 4, 4);
		u64 all = 12 + name + ((desc + 3) & ~3ULL);

		if (all > left)
			panic("image: a note is longer than what it stands in");
		if (begins(at + 12, name, "Xen"))
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
	for (unsigned int i = 0; i < image->nr_segments; i++) {
		struct segment part = image_segment(image, i);

		if (part.type == SEGMENT_NOTE)
			take_notes(image, part);
	}
	for (unsigned int i = 0; !image->is_xen && i < image->nr_sections;
	     i++) {
		struct segment part = image_section(image, i);

		if (part.type == SECTION_NOTE)
			take_notes(image, part);
	}
}
//! [image_take_notes]
