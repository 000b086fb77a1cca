/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * A bzImage as the guest's image: the kernel's ELF file has to be unpacked.
 *
 * Called by start_kernel() before the image is read. A toolstack does here what
 * Xen does for dom0: it looks at the setup header only to find the payload, and
 * unpacks that. Nothing of the bzImage's own code ever runs. What unpacks it
 * natively does so here, too: src/stage5-boot-protocol/boot/inflate.c.
 */
#include "bootparam.h"
#include "string.h"
#include "toolstack.h"
#include "unpack.h"

/** Room for a kernel's ELF file. */
#define UNPACK_ROOM 0x100000

/** The setup header begins so many bytes into the file. */
#define HEADER offsetof(struct boot_params, hdr)

static u8 unpacked[UNPACK_ROOM];

/* Called by gunzip() and inflate(), whose caller this is. */
void refuse(const char *why)
{
	panic("image: bzImage: %s", why);
}

//! [unpack_bzimage]
struct file unpack_bzimage(struct file file)
{
	struct setup_header hdr;
	u64 payload;

	if (file.size < HEADER + sizeof(hdr))
		return file;
	memcpy(&hdr, file.start + HEADER, sizeof(hdr));
	if (hdr.header != BP_MAGIC)
		return file;
	if (hdr.version < PROTOCOL_PAYLOAD)
		refuse("the setup header's version is below 2.08, and has no payload");

	payload = (hdr.setup_sects + 1) * 512ULL + hdr.payload_offset;
	if (payload + hdr.payload_length > file.size)
		refuse("the payload is not inside the file: setup_sects, payload_offset, payload_length");
	file.size = gunzip(file.start + (unsigned long)payload,
			   hdr.payload_length, unpacked, UNPACK_ROOM);
	file.start = unpacked;
	printk("toolstack: unpacked a bzImage's payload: %u bytes to %lu\n",
	       hdr.payload_length, file.size);
	return file;
}
//! [unpack_bzimage]
