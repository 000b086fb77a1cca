/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * boot_params: what a boot loader tells a Linux kernel, one page of it.
 *
 * The struct is Linux's own (Debian: linux-libc-dev). Assembly cannot read C
 * structs, so the few offsets that it needs stand here as numbers, and the
 * compiler checks that they are the struct's.
 *
 * Source: Documentation/x86/boot.rst and zero-page.rst in Linux's tree.
 */
#ifndef BOOTPARAM_H
#define BOOTPARAM_H

#include <asm/bootparam.h>

/* clang-format off */
//! [boot_params]
/** @{ Bytes from the start of boot_params to a field, and its size. */
#define BP_e820_entries			0x1e8
#define BP_header			0x202
#define BP_version			0x206
#define BP_code32_start			0x214
#define BP_hardware_subarch		0x23c
#define BP_hardware_subarch_data	0x240
#define BP_e820_table			0x2d0
#define BP_SIZE				0x1000
/** @} */
//! [boot_params]
/* clang-format on */

/** How many ranges the table has room for. */
#define BP_E820_MAX 128

/** The first four bytes of the header, "HdrS", read as a number. */
#define BP_MAGIC 0x53726448

/** @{ What hardware_subarch may say to us: enum x86_hardware_subarch in C. */
#define SUBARCH_PC  0
#define SUBARCH_XEN 2
/** @} */

/** @{ Protocol versions: hardware_subarch is of 2.07, the payload of 2.08. */
#define PROTOCOL_SUBARCH 0x0207
#define PROTOCOL_PAYLOAD 0x0208
/** @} */

/** Where the kernel takes boot_params in ESI: so many bytes into the image. */
#define STARTUP_32_OFFSET 0x40

#ifndef __ASSEMBLER__

#include "types.h"

/** The kernel's own copy, made by the head whoever entered it. */
extern struct boot_params boot_params;

/** The one that the head fills in when Xen enters, which brings none. */
extern struct boot_params xen_boot_params;

/** That an offset here is the one of Linux's own header. */
#define CHECK_OFFSET(name, field) \
	_Static_assert(BP_##name == offsetof(struct boot_params, field), #name)
CHECK_OFFSET(e820_entries, e820_entries);
CHECK_OFFSET(header, hdr.header);
CHECK_OFFSET(version, hdr.version);
CHECK_OFFSET(code32_start, hdr.code32_start);
CHECK_OFFSET(hardware_subarch, hdr.hardware_subarch);
CHECK_OFFSET(hardware_subarch_data, hdr.hardware_subarch_data);
CHECK_OFFSET(e820_table, e820_table);
#undef CHECK_OFFSET
_Static_assert(BP_SIZE == sizeof(struct boot_params), "BP_SIZE");
_Static_assert(BP_E820_MAX == E820_MAX_ENTRIES_ZEROPAGE, "BP_E820_MAX");
_Static_assert(SUBARCH_PC == X86_SUBARCH_PC, "SUBARCH_PC");
_Static_assert(SUBARCH_XEN == X86_SUBARCH_XEN, "SUBARCH_XEN");

#endif
#endif
