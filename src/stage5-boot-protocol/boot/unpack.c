/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The kernel, from the payload to the place it runs at: an ELF loader.
 *
 * Called by head.S. Xen does the same from outside and never runs this.
 */
#include <linux/elf.h>

#include "bootparam.h"
#include "console.h"
#include "page.h"
#include "serial.h"
#include "string.h"
#include "unpack.h"

/** The unpacker, the end of what was loaded of it, and of its memory. */
extern u8 unpack_head[], _unpack_end[], _end[];

/** Room for the kernel's ELF file, behind the unpacker. */
#define ELF_ROOM 0x400000

void refuse(const char *why)
{
	static const char begin[] = "bzImage: ", end[] = ". Stop.\n";

	serial_init();
	serial_write(begin, sizeof(begin) - 1);
	serial_write(why, strlen(why));
	serial_write(end, sizeof(end) - 1);
	native_exit(VERDICT_FAILURE);
}

static void check_elf(const Elf32_Ehdr *elf, size_t size)
{
	if (size < sizeof(*elf) || memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0)
		refuse("the payload, unpacked, is not an ELF file");
	if (elf->e_ident[EI_CLASS] != ELFCLASS32)
		refuse("the kernel in it is 64-bit, and that boots under Xen only: natively use ARCH=x86_32");
	if (elf->e_phoff > size ||
	    elf->e_phnum > (size - elf->e_phoff) / sizeof(Elf32_Phdr))
		refuse("the kernel's ELF file is truncated");
}

/* What a segment has in the file, and then zeros: this is what empties .bss. */
//! [place_segment]
static void place_segment(const u8 *elf, size_t size, const Elf32_Phdr *phdr)
{
	u8 *to = (u8 *)phdr->p_paddr;
	size_t room = unpack_head - to;

	if (phdr->p_offset > size || phdr->p_filesz > size - phdr->p_offset)
		refuse("the kernel's ELF file is truncated");
	if (to < (u8 *)LOAD_PHYSICAL_ADDR || to > unpack_head ||
	    phdr->p_memsz > room || phdr->p_filesz > phdr->p_memsz)
		refuse("the kernel's ELF file wants memory that is not for it");

	memcpy(to, elf + phdr->p_offset, phdr->p_filesz);
	memset(to + phdr->p_filesz, 0, phdr->p_memsz - phdr->p_filesz);
}
//! [place_segment]

static void check_header(const struct setup_header *hdr)
{
	size_t size = _unpack_end - unpack_head;

	if (hdr->header != BP_MAGIC)
		refuse("the boot loader gave no setup header: HdrS is not at 0x202 of boot_params");
	if (hdr->version < PROTOCOL_PAYLOAD)
		refuse("the setup header's version is below 2.08, and has no payload");
	if (hdr->payload_offset > size ||
	    hdr->payload_length > size - hdr->payload_offset)
		refuse("the payload is not inside the file: payload_offset, payload_length");
}

//! [unpack]
u32 unpack(const struct boot_params *params)
{
	const struct setup_header *hdr = &params->hdr;
	u8 *file = _end;
	const Elf32_Ehdr *elf = (const Elf32_Ehdr *)file;
	const Elf32_Phdr *phdr;
	size_t size;

	check_header(hdr);
	size = gunzip(unpack_head + hdr->payload_offset, hdr->payload_length,
		      file, ELF_ROOM);
	check_elf(elf, size);
	phdr = (const Elf32_Phdr *)(file + elf->e_phoff);
	for (unsigned int i = 0; i < elf->e_phnum; i++)
		if (phdr[i].p_type == PT_LOAD)
			place_segment(file, size, &phdr[i]);

	/* The ELF header's entry is for Xen. */
	return LOAD_PHYSICAL_ADDR + STARTUP_32_OFFSET;
}
//! [unpack]
