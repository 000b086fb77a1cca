/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The payload: the kernel's ELF file, stripped and gzip'd (PAYLOAD is its name,
 * from the Makefile). Xen and unpack.c each find it in their own way: Xen by
 * the header's payload_offset and payload_length, unpack.c by these symbols.
 */

	.section .payload, "a"
	.globl	payload, payload_end
payload:
	.incbin	PAYLOAD
payload_end:

	.section .note.GNU-stack, "", @progbits
