/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Two files in dom0's one module: the guest's image, and the guest's module.
 *
 * Called by start_kernel() first. Xen hands dom0 a single module. That is the
 * image itself or, if the guest is to have a module too, a tar archive: each
 * file behind a block of text that says how long it is. tools/guest-files
 * packs it.
 *
 * Source: POSIX, pax, "ustar interchange format".
 */
#include "string.h"
#include "toolstack.h"
#include "xen-ops.h"

/** Headers and files each fill whole blocks of so many bytes. */
#define BLOCK 512

/** @{ Fields of a header: offset, and length in octal digits. */
#define SIZE_OFFSET  124
#define SIZE_DIGITS  11
#define MAGIC_OFFSET 257
/** @} */

static bool is_tar(struct file all)
{
	return all.size > BLOCK &&
	       memcmp(all.start + MAGIC_OFFSET, "ustar", 5) == 0;
}

/* Takes the first file off what is left of an archive. */
static struct file take_file(struct file *left)
{
	struct file file = {.start = left->start + BLOCK};
	unsigned long all;

	if (!is_tar(*left))
		panic("files: dom0's module is an archive that ends too early");
	for (unsigned int i = 0; i < SIZE_DIGITS; i++)
		file.size = file.size * 8 + (left->start[SIZE_OFFSET + i] & 7);

	all = BLOCK + (file.size + BLOCK - 1) / BLOCK * BLOCK;
	if (all > left->size || all < file.size)
		panic("files: a file of %lu bytes is not in dom0's module",
		      file.size);
	left->start += all;
	left->size -= all;
	return file;
}

//! [find_files]
void find_files(struct file *image, struct file *module)
{
	struct file all = {(const u8 *)xen_start_info->mod_start,
			   xen_start_info->mod_len};

	if (!all.size)
		panic("toolstack: dom0 has no module: boot it with a guest's image as MODULE=");
	*image = all;
	*module = (struct file){};
	if (is_tar(all)) {
		*image = take_file(&all);
		*module = take_file(&all);
	}
}
//! [find_files]
