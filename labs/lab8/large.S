/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Five megabytes of nothing, linked into the image that is graded: what reaches
 * only as far as one pmd entry does is seen.
 */
	.bss
	.balign	4096
	.globl	padding, padding_end
padding:
	.skip	5 << 20
padding_end:

	.section .note.GNU-stack, "", @progbits
