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
	PUSH_SCRATCH
	push	%rbx			# and the rest, to be shown
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi		# the argument of do_trap(): struct pt_regs
	call	do_trap
	add	$6 * 8, %rsp		# do_trap() has kept the rest
	POP_SCRATCH
	add	$2 * 8, %rsp		# the vector and the error code
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
