/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * From an exception or an interrupt to C and back, 64 bits.
 *
 * What holds: the processor has pushed SS, RSP, RFLAGS, CS and RIP, with the
 * stack aligned to 16 bytes before. Compare with stage 4's entry_64.S: no RCX
 * and R11 on top, and IRETQ needs no hypercall.
 */
#include "entry.h"

//! [pvh_trap_common]
	.text
	.globl	pvh_trap_common
pvh_trap_common:
	call_do_trap
	iretq
//! [pvh_trap_common]

//! [pvh_interrupt]
	.globl	pvh_interrupt
pvh_interrupt:
	PUSH_SCRATCH
	call	pvh_do_interrupt
	POP_SCRATCH
	iretq
//! [pvh_interrupt]

	.section .note.GNU-stack, "", @progbits
