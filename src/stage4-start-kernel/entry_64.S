/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Where Xen enters the kernel once it runs: exceptions and events.
 *
 * What holds at each entry: Xen has pushed RCX and R11 (which SYSCALL, its
 * way back, needs), then higher up the error code if the exception has one,
 * then RIP, CS, RFLAGS, RSP and SS, as the processor would. The IF bit in the
 * pushed RFLAGS is not the processor's but says whether events were unmasked.
 *
 * The way back is the iret hypercall (entry.h). It pops one word more than the
 * processor would, flags for Xen: 0.
 */
#include "entry.h"

//! [trap_stubs]
	.text
	.balign	16
	.globl	trap_stubs
trap_stubs:
	.set	vector, 0
	.rept	20
	.balign	16
	pop	%rcx
	pop	%r11
	push_vector
	jmp	trap_common
	.set	vector, vector + 1
	.endr

	.balign	16
	.globl	trap_common
trap_common:
	call_do_trap
	push	$0			# flags for the iret hypercall
	jmp	hypercall_iret
//! [trap_stubs]

//! [xen_hypervisor_callback]
	.globl	xen_hypervisor_callback
xen_hypervisor_callback:
	pop	%rcx
	pop	%r11
	PUSH_SCRATCH
	call	xen_evtchn_do_upcall
	POP_SCRATCH
	push	$0			# flags for the iret hypercall
	jmp	hypercall_iret
//! [xen_hypervisor_callback]

	.globl	xen_failsafe_callback
xen_failsafe_callback:
	call	xen_failsafe

	.section .note.GNU-stack, "", @progbits
