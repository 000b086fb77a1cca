/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * From an exception or an interrupt to C and back, 32 bits.
 *
 * What holds: the processor has pushed EFLAGS, CS and EIP, but no stack
 * pointer, for there is one ring only. Compare with stage 4's entry_32.S: what
 * Xen imitates there happens here, and IRET needs no hypercall.
 */
#include "entry.h"

//! [pvh_trap_common]
	.text
	.globl	pvh_trap_common
pvh_trap_common:
	call_do_trap
	iret
//! [pvh_trap_common]

//! [pvh_interrupt]
	.globl	pvh_interrupt
pvh_interrupt:
	pusha
	call	pvh_do_interrupt
	popa
	iret
//! [pvh_interrupt]

	.section .note.GNU-stack, "", @progbits
