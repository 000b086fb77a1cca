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

/* Where the fields of a table, and of its entries, stand. */
struct table {
	u8 start, count; /* in the ELF header */
	u8 size, type, offset, paddr, filesz, memsz;
};

/* The same for all of a class. A section has one size, and a VA. */
struct elf_class {
	u8 word, header_size, machine, entry;
	struct table segments, sections;
};

/* clang-format off */
static const struct elf_class classes[] = {
	{4, 52, EM_386, 24,
	 {28, 44, 32, 0, 4, 12, 16, 20}, {32, 48, 40, 4, 16, 12, 20, 20}},
	{8, 64, EM_X86_64, 24,
	 {32, 56, 56, 0, 8, 24, 32, 40}, {40, 60, 64, 4, 24, 16, 32, 32}},
};
/* clang-format on */

u64 image_number(const u8 *at, unsigned int bytes)
{
	u64 value = 0;

	memcpy(&value, at, bytes);
	return value;
}

/* @return where the file has so many bytes; if it has not, that is the end */
static const u8 *in_file(const struct image *image, u64 offset, u64 count,
			 const char *what, unsigned int index)
{
	if (offset > image->file.size || count > image->file.size - offset)
		panic("image: %s %u is not in the file", what, index);
	return image->file.start + (unsigned long)offset;
}

/* @return the next header of the type, or NULL */
static const u8 *next_header(const struct image *image,
			     const struct table *table, enum part_type type,
			     unsigned int *index)
{
	const u8 *head = image->file.start, *at;
	u64 start = image_number(head + table->start,
				 classes[image->bits == 64].word);

	while (*index < image_number(head + table->count, 2)) {
		at = in_file(image, start, (*index + 1ULL) * table->size,
			     "header", *index);
		at += (*index)++ * table->size;
		if (image_number(at + table->type, 4) == type)
			return at;
	}
	return NULL;
}

bool image_next(const struct image *image, enum part_type type,
		unsigned int *index, struct part *part)
{
	const struct elf_class *class = &classes[image->bits == 64];
	bool section = type == SECTION_NOTE;
	const struct table *table =
		section ? &class->sections : &class->segments;
	const u8 *at = next_header(image, table, type, index);

	if (!at)
		return false;
	part->paddr = image_number(at + table->paddr, class->word) -
		      image->paddr_offset;
	part->filesz = image_number(at + table->filesz, class->word);
	part->memsz = image_number(at + table->memsz, class->word);
	part->bytes = in_file(
		image, image_number(at + table->offset, class->word),
		part->filesz, section ? "section" : "segment", *index - 1);
	return true;
}

/* They may come in any order, and may overlap: then the later one wins, as it
 * does with Xen.
 */
static void find_end(struct image *image)
{
	struct part part;

	for (unsigned int i = 0; image_next(image, SEGMENT_LOAD, &i, &part);) {
		if (part.memsz < part.filesz ||
		    part.paddr + part.memsz < part.paddr)
			panic("image: segment %u has impossible sizes", i - 1);
		if (part.memsz)
			image->end = max(image->end, part.paddr + part.memsz);
	}
	if (!image->end)
		panic("image: it has nothing to load");
	if (image->end > (u64)MAX_GUEST_PAGES << PAGE_SHIFT)
		panic("image: it ends at paddr %#llx, and a guest gets %u pages at most",
		      image->end, MAX_GUEST_PAGES);
}

void image_parse(struct image *image, struct file file, bool pvh)
{
	const struct elf_class *class;

	*image = (struct image){.file = file, .hypercall_page = NO_ADDRESS};
	if (file.size < classes[1].header_size ||
	    memcmp(file.start, "\177ELF", 4) != 0 ||
	    (u8)(file.start[4] - 1) > 1 || file.start[5] != LITTLE_ENDIAN_DATA)
		panic("image: the guest's image is neither an ELF file nor a bzImage");
	image->bits = 32 * file.start[4];
	class = &classes[image->bits == 64];
	if (image_number(file.start + MACHINE_OFFSET, 2) != class->machine)
		panic("image: the guest's image is an ELF file for another processor");

	image->entry = image_number(file.start + class->entry, class->word);
	image_take_notes(image);
	find_end(image);
	image_check_notes(image, pvh);
	printk("toolstack: image of %u bits, ends at paddr %#llx, entry VA %#llx, paddr 0 at VA %#llx\n",
	       image->bits, image->end, image->entry, image->virt_base);
}
