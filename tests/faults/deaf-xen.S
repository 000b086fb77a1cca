/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * A hypervisor that QEMU starts, and that does nothing ever after.
 *
 * tests/boot.bats boots it in Xen's place.
 */
#define MULTIBOOT_MAGIC 0x1badb002

	.text
	.globl	_start
	.balign	4
	.long	MULTIBOOT_MAGIC, 0, -MULTIBOOT_MAGIC
_start:
	jmp	_start

	.section .note.GNU-stack, "", @progbits
