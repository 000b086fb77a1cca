/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Where the note of pvh-note.S leads, in a 32-bit image.
 *
 * What holds: ring 0, 32-bit protected mode, flat segments, paging off,
 * interrupts off. EBX holds the paddr of hvm_start_info. There is no stack, and
 * nothing else is promised. Without paging a symbol has to be named by its
 * paddr, as it is P=V.
 *
 * Source: docs/misc/pvh.pandoc in Xen's tree.
 */
#include "page.h"
#include "pvh.h"

#define pa(symbol)	((symbol) - LOAD_OFFSET)

//! [startup_pvh]
	.text
	.globl	startup_pvh
startup_pvh:
	cld
	lgdt	pa(gdt_pointer)
	ljmp	$PVH_CS, $pa(1f)
1:	mov	$PVH_DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$pa(init_stack + THREAD_SIZE), %esp
	push	%ebx			# the argument of pvh_entry()
	call	pvh_entry
	ud2				# pvh_entry() does not return
//! [startup_pvh]

	.section .note.GNU-stack, "", @progbits
