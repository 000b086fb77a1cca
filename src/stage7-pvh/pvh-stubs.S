/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Twenty entries for twenty exceptions: the IDT's gates lead here.
 *
 * What holds at each: ring 0, interrupts off; the processor has pushed what
 * IRET will pop and, for some exceptions, an error code. Each stub adds its
 * number, since the processor does not say which gate it took.
 */
#include "entry.h"

//! [pvh_trap_stubs]
	.text
	.balign	16
	.globl	pvh_trap_stubs
pvh_trap_stubs:
	.set	vector, 0
	.rept	20
	.balign	16
	push_vector
	jmp	pvh_trap_common
	.set	vector, vector + 1
	.endr
//! [pvh_trap_stubs]

	.section .note.GNU-stack, "", @progbits
