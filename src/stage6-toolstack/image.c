/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The guest's image: what its ELF headers ask for.
 *
 * Called by start_kernel() before there is a domain. This is what Xen's
 * libelf does for dom0. The file may come from anybody, so no offset in it is
 * followed without comparing it with the size.
 *
 * Source: the ELF specification.
 */
#include "string.h"
#include "toolstack.h"
#include <linux/elf-em.h>

/** Where either class has the processor's number: EM_386 or EM_X86_64. */
#define MACHINE_OFFSET 18

/** How bytes 4 and 5 say it: class 1 has 32 bits, class 2 has 64. */
#define LITTLE_ENDIAN_DATA 1

/* Where the fields of either class stand, in bytes from their table's start. */
struct class
{
	u8 word, header_size, machine;
	u8 entry, phoff, phnum, shoff, shnum;  /* in the ELF header */
	u8 size, offset, paddr, filesz, memsz; /* in a program header */
	u8 sh_size, sh_offset, sh_length;      /* in a section header */
};

static const struct class classes[] = {
	{4, 52, EM_386, 24, 28, 44, 32, 48, 32, 4, 12, 16, 20, 40, 16, 20},
	{8, 64, EM_X86_64, 24, 32, 56, 40, 60, 56, 8, 24, 32, 40, 64, 24, 32},
};

static const struct class *class_of(const struct image *image)
{
	return &classes[image->bits == 64];
}

u64 image_number(const u8 *at, unsigned int bytes)
{
	u64 value = 0;

	memcpy(&value, at, bytes);
	return value;
}

static bool in_file(const struct image *image, u64 offset, u64 count)
{
	return offset <= image->file.size && count <= image->file.size - offset;
}

/* Entry @p index of a table in the file; its fields are checked by others. */
static const u8 *entry(const struct image *image, const char *what, u8 table,
		       unsigned int index, u8 size)
{
	unsigned int word = class_of(image)->word;
	u64 offset = image_number(image->file.start + table, word);

	if (!in_file(image, offset, (index + 1ULL) * size))
		panic("image: %s header %u is not in the file", what, index);
	return image->file.start + (unsigned long)offset + index * size;
}

struct segment image_segment(const struct image *image, unsigned int index)
{
	const struct class *class = class_of(image);
	const u8 *at =
		entry(image, "program", class->phoff, index, class->size);
	struct segment segment = {
		.type = image_number(at, 4),
		.offset = image_number(at + class->offset, class->word),
		.paddr = image_number(at + class->paddr, class->word),
		.filesz = image_number(at + class->filesz, class->word),
		.memsz = image_number(at + class->memsz, class->word),
	};

	if (!in_file(image, segment.offset, segment.filesz))
		panic("image: segment %u is not in the file", index);
	return segment;
}

struct segment image_section(const struct image *image, unsigned int index)
{
	const struct class *class = class_of(image);
	const u8 *at =
		entry(image, "section", class->shoff, index, class->sh_size);
	struct segment section = {
		.type = image_number(at + 4, 4),
		.offset = image_number(at + class->sh_offset, class->word),
		.filesz = image_number(at + class->sh_length, class->word),
	};

	if (section.type == SECTION_NOTE &&
	    !in_file(image, section.offset, section.filesz))
		panic("image: section %u is not in the file", index);
	return section;
}

static void check_size(const struct image *image)
{
	if (!image->end)
		panic("image: it has nothing to load");
	if (image->end > (u64)MAX_GUEST_PAGES << PAGE_SHIFT)
		panic("image: it ends at paddr %#llx, and a guest gets %u pages at most",
		      image->end, MAX_GUEST_PAGES);
}

void image_parse(struct image *image, struct file file, bool pvh)
{
	const struct class *class;

	*image = (struct image){.file = file, .hypercall_page = NO_ADDRESS};
	if (file.size < classes[1].header_size ||
	    memcmp(file.start, "\177ELF", 4) != 0 ||
	    (u8)(file.start[4] - 1) > 1 || file.start[5] != LITTLE_ENDIAN_DATA)
		panic("image: the guest's image is neither an ELF file nor a bzImage");
	image->bits = file.start[4] == 2 ? 64 : 32;
	class = class_of(image);
	if (image_number(file.start + MACHINE_OFFSET, 2) != class->machine)
		panic("image: the guest's image is an ELF file for another processor");
	image->entry = image_number(file.start + class->entry, class->word);
	image->nr_segments = image_number(file.start + class->phnum, 2);
	image->nr_sections = image_number(file.start + class->shnum, 2);

	for (unsigned int i = 0; i < image->nr_segments; i++) {
		struct segment part = image_segment(image, i);

		if (part.type != SEGMENT_LOAD)
			continue;
		if (part.memsz < part.filesz ||
		    part.paddr + part.memsz < part.paddr)
			panic("image: segment %u has impossible sizes", i);
		if (part.memsz && part.paddr < image->end)
			panic("image: segment %u begins before the end of another",
			      i);
		image->end = max(image->end, part.paddr + part.memsz);
	}
	image_take_notes(image);
	check_size(image);
	image_check_notes(image, pvh);
	printk("toolstack: image of %u bits, ends at paddr %#llx, entry VA %#llx, paddr 0 at VA %#llx\n",
	       image->bits, image->end, image->entry, image->virt_base);
}
