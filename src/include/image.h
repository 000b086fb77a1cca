/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The file that stage 6 makes a domain of, and what it asks for.
 *
 * Called by start_kernel() before there is a domain. The file may come from
 * anybody: whatever cannot be right ends the run with a line.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include "types.h"

/** For an address that an image's notes do not give. */
#define NO_ADDRESS (~0ULL)

/** A file in our memory. */
struct file {
	const u8 *start;    /**< VA */
	unsigned long size; /**< bytes */
};

/** What an image's ELF headers and notes ask for. */
struct image {
	struct file file;   /**< ELF: dom0's module, or unpacked from it */
	unsigned int bits;  /**< 32 or 64: the ELF class */
	u64 virt_base;	    /**< VA of the guest's paddr 0; 0 is P=V */
	u64 paddr_offset;   /**< so much more than a paddr the file has */
	u64 entry;	    /**< VA: the note's, or the ELF header's */
	u64 hypercall_page; /**< VA, or NO_ADDRESS: guest sets it up */
	u64 phys_entry;	    /**< paddr: note PHYS32_ENTRY, or 0 */
	u64 end;	    /**< the first paddr beyond it */
	bool is_xen;	    /**< note XEN_VERSION begins with xen-3.0 */
	bool pae;	    /**< note PAE_MODE begins with yes */
	bool loader;	    /**< LOADER is generic, or GUEST_OS linux */
};

/** What part of an image can be asked for; ELF numbers both kinds of types. */
enum part_type {
	SEGMENT_LOAD = 1, /**< to be loaded at its paddr */
	SEGMENT_NOTE = 4, /**< notes, among them Xen's */
	SECTION_NOTE = 7, /**< notes again, for files without such a segment */
};

/** A segment or a section of an image, of either ELF class. */
struct part {
	const u8 *bytes;	  /**< what the file has of it, VA */
	u64 paddr, filesz, memsz; /**< bytes; filesz of them are in the file */
};

/** Takes apart what dom0's module holds for the guest. */
void find_files(struct file *image, struct file *module);

/** @return the ELF file inside a bzImage; any other file as it is */
struct file unpack_bzimage(struct file file);

/**
 * Reads the ELF headers and notes, or ends the run with what is wrong.
 *
 * @param image what was read, for the functions that build the guest
 * @param file  the ELF file
 * @param pvh   whether the image is to be entered as PVH
 */
void image_parse(struct image *image, struct file file, bool pvh);

/**
 * Finds the next part of a type. Ends the run if that is not in the file.
 *
 * @param image what image_parse() has read
 * @param type  segments or notes
 * @param[in,out] index of the header to begin with; of the one behind it
 * @param[out] part the part that was found
 * @return whether there is one
 */
bool image_next(const struct image *image, enum part_type type,
		unsigned int *index, struct part *part);

/** A little-endian number of the file's, which need not be aligned. */
u64 image_number(const u8 *at, unsigned int bytes);

/** Reads what the notes say into the struct. */
void image_take_notes(struct image *image);

/** Ends the run if they cannot be met. After the segments have been read. */
void image_check_notes(const struct image *image, bool pvh);

#endif
