/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The guest's image: what its ELF headers and its notes ask for.
 *
 * Called by start_kernel() before there is a domain. This is what Xen's
 * libelf does for dom0: the same notes, read by the other side. The file is a
 * stranger's, so no offset in it is followed without a look at the size.
 *
 * Source: the ELF specification; xen/elfnote.h.
 */
#include "string.h"
#include "toolstack.h"
#include <xen/elfnote.h>

/* Where the fields of either class stand, in bytes from their table's start. */
struct class
{
	u8 word, header_size;
	u8 entry, phoff, phnum;		       /* in the ELF header */
	u8 size, offset, paddr, filesz, memsz; /* in a program header */
};

static const struct class classes[] = {
	{4, 52, 24, 28, 44, 32, 4, 12, 16, 20},
	{8, 64, 24, 32, 56, 56, 8, 24, 32, 40},
};

static const struct class *class_of(const struct image *image)
{
	return &classes[image->bits == 64];
}

/* A little-endian number, which need not be aligned. */
static u64 number(const u8 *at, unsigned int bytes)
{
	u64 value = 0;

	memcpy(&value, at, bytes);
	return value;
}

static bool in_file(const struct image *image, u64 offset, u64 count)
{
	return offset <= image->file.size && count <= image->file.size - offset;
}

struct segment image_segment(const struct image *image, unsigned int index)
{
	const struct class *class = class_of(image);
	u64 table = number(image->file.start + class->phoff, class->word);
	u64 offset = table + index * class->size;
	const u8 *at = image->file.start + (unsigned long)offset;
	struct segment segment;

	if (!in_file(image, table, (index + 1ULL) * class->size))
		panic("image: program header %u is not in the file", index);
	segment = (struct segment){
		.type = number(at, 4),
		.offset = number(at + class->offset, class->word),
		.paddr = number(at + class->paddr, class->word),
		.filesz = number(at + class->filesz, class->word),
		.memsz = number(at + class->memsz, class->word),
	};
	if (!in_file(image, segment.offset, segment.filesz))
		panic("image: segment %u is not in the file", index);
	return segment;
}

static bool begins(const u8 *desc, u64 length, const char *with)
{
	return length >= strlen(with) && memcmp(desc, with, strlen(with)) == 0;
}

//! [take_note]
static void take_note(struct image *image, u32 type, const u8 *desc, u64 length)
{
	u64 value = length == 4 || length == 8 ? number(desc, length) : 0;

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
	case XEN_ELFNOTE_HYPERCALL_PAGE:
		image->hypercall_page = value;
		break;
	}
}
//! [take_note]

/* Names and values are padded to four bytes: src/include/elfnote.h. */
static void take_notes(struct image *image, const struct segment *notes)
{
	const u8 *at = image->file.start + (unsigned long)notes->offset;
	u64 left = notes->filesz;

	while (left >= 12) {
		u64 name = (number(at, 4) + 3) & ~3ULL;
		u64 desc = number(at + 4, 4);
		u64 all = 12 + name + ((desc + 3) & ~3ULL);

		if (all > left)
			panic("image: a note is longer than its segment");
		if (begins(at + 12, name, "Xen"))
			take_note(image, number(at + 8, 4), at + 12 + name,
				  desc);
		at += all;
		left -= all;
	}
}

static void check(const struct image *image)
{
	if (!image->is_xen || !image->loader)
		panic("image: it has no notes of a Xen guest (XEN_VERSION xen-3.0 and LOADER generic)");
	if (image->bits == 32 && !image->pae)
		panic("image: its note PAE_MODE is not yes, and Xen runs no other 32-bit guests");
	if (!image->end)
		panic("image: it has nothing to load");
	if (image->end > (u64)MAX_GUEST_PAGES << PAGE_SHIFT)
		panic("image: it ends at paddr %#llx, and a guest gets %u pages at most",
		      image->end, MAX_GUEST_PAGES);
}

void image_parse(struct image *image, struct file file)
{
	const struct class *class;

	*image = (struct image){.file = file, .hypercall_page = NO_ADDRESS};
	if (file.size < classes[1].header_size ||
	    !begins(file.start, file.size, "\177ELF"))
		panic("image: the guest's image is neither an ELF file nor a bzImage");
	image->bits = file.start[4] == 2 ? 64 : 32;
	class = class_of(image);
	image->entry = number(file.start + class->entry, class->word);
	image->nr_segments = number(file.start + class->phnum, 2);

	for (unsigned int i = 0; i < image->nr_segments; i++) {
		struct segment part = image_segment(image, i);

		if (part.type == SEGMENT_NOTE)
			take_notes(image, &part);
		if (part.type != SEGMENT_LOAD)
			continue;
		if (part.memsz < part.filesz ||
		    part.paddr + part.memsz < part.paddr)
			panic("image: segment %u has impossible sizes", i);
		image->end = max(image->end, part.paddr + part.memsz);
	}
	check(image);
	printk("toolstack: image of %u bits, ends at paddr %#llx, entry VA %#llx, paddr 0 at VA %#llx\n",
	       image->bits, image->end, image->entry, image->virt_base);
}
