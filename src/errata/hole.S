/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * One page far behind the image: makes a kernel large whose file is small.
 *
 * The linker puts it where errata.mk says, into the same segment as all the
 * rest; so Xen allocates and maps everything up to here, and what it puts
 * behind the kernel (p2m, start_info, page tables, stack) comes after.
 */
	.section .hole, "aw", @nobits
	.skip	4096

	.section .note.GNU-stack, "", @progbits
