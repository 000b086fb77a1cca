/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Where Xen enters the kernel once it runs: exceptions and events.
 *
 * What holds at each entry: Xen has pushed the error code if the exception
 * has one, then (higher up) EIP, CS and EFLAGS, as the processor would. The
 * IF bit in the pushed EFLAGS is not the processor's but says whether events
 * were unmasked.
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
	push_vector
	jmp	trap_common
	.set	vector, vector + 1
	.endr

	.balign	16
	.globl	trap_common
trap_common:
	call_do_trap
	jmp	hypercall_iret
//! [trap_stubs]

//! [xen_hypervisor_callback]
	.globl	xen_hypervisor_callback
xen_hypervisor_callback:
	pusha
	call	xen_evtchn_do_upcall
	popa
	jmp	hypercall_iret
//! [xen_hypervisor_callback]

	.globl	xen_failsafe_callback
xen_failsafe_callback:
	call	xen_failsafe

	.section .note.GNU-stack, "", @progbits
