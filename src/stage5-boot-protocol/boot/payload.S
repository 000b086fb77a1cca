/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The payload: the kernel's ELF file, stripped and gzip'd.
 *
 * PAYLOAD is its name, from bzimage.mk. The linker script makes the header's
 * payload_offset and payload_length of the two symbols; Xen and unpack.c both
 * go by the header.
 */

	.section .payload, "a"
	.globl	payload, payload_end
payload:
	.incbin	PAYLOAD
payload_end:

	.section .note.GNU-stack, "", @progbits
