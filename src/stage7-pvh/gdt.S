/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The kernel's own segments: flat, ring 0.
 *
 * At the entry the segment registers are good, but the contract says nothing of
 * the selectors in them: the first IRET would load one of them again, from a
 * table that may be gone. The heads load this one by its paddr, and
 * pvh_init_traps() once more by its linked VA, before P=V is dropped.
 *
 * Source: Intel SDM volume 3A, chapter 3.4.5 (segment descriptors).
 */
#include "page.h"
#include "pvh.h"

/* Base 0, limit 4 GiB, present, ring 0; L (bit 53) instead of D (bit 54) makes
 * code 64-bit.
 */
//! [gdt]
	.section .rodata
	.balign	8
	.globl	gdt, gdt_pointer
gdt:
	.quad	0
#ifdef CONFIG_X86_64
	.quad	0x00af9b000000ffff	/* PVH_CS */
#else
	.quad	0x00cf9b000000ffff	/* PVH_CS */
#endif
	.quad	0x00cf93000000ffff	/* PVH_DS */
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt - LOAD_OFFSET	/* paddr */
//! [gdt]

	.section .note.GNU-stack, "", @progbits
