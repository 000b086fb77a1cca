/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What the entries from exceptions and events have in common.
 */
#ifndef ENTRY_H
#define ENTRY_H

#include <xen/xen.h>

/**
 * The way back from an exception or event: the iret hypercall, through its
 * stub. A plain IRET would leave events masked: only Xen turns the IF bit in
 * the frame into the virtual processor's event mask again.
 */
#define hypercall_iret (hypercall_page + __HYPERVISOR_iret * 32)

/** Bit n: exception n has an error code. 8, 10 to 14 and 17 do. */
#define HAS_ERROR_CODE 0x27d00

/* clang-format off */
/** @{ What a C function may change, on 64 bits. */
#define PUSH_SCRATCH \
	push %rdi; push %rsi; push %rdx; push %rcx; push %rax; \
	push %r8; push %r9; push %r10; push %r11
#define POP_SCRATCH \
	pop %r11; pop %r10; pop %r9; pop %r8; \
	pop %rax; pop %rcx; pop %rdx; pop %rsi; pop %rdi
/** @} */

#ifdef __ASSEMBLY__

/* What the stub of exception number `vector` pushes: a 0 where the processor
 * pushes no error code, so that all frames are alike; then the number, which
 * the processor does not give to the handler.
 */
//! [push_vector]
	.macro	push_vector
	.if	((HAS_ERROR_CODE >> vector) & 1) == 0
	push	$0
	.endif
	push	$vector
	.endm
//! [push_vector]

/* do_trap() with all registers as struct pt_regs (ptrace_32.h, ptrace_64.h),
 * then back to the frame as it was at the entry. The return itself is left to
 * the caller: a guest's iret hypercall, or ring 0's IRET.
 */
//! [call_do_trap]
	.macro	call_do_trap
#ifdef CONFIG_X86_64
	PUSH_SCRATCH
	push	%rbx			# and the rest, to be shown
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi		# the argument of do_trap()
	call	do_trap
	add	$6 * 8, %rsp		# do_trap() has kept the rest
	POP_SCRATCH
	add	$2 * 8, %rsp		# the vector and the error code
#else
	pusha
	push	%esp			# the argument of do_trap()
	call	do_trap
	add	$4, %esp
	popa
	add	$8, %esp		# the vector and the error code
#endif
	.endm
//! [call_do_trap]

#endif
/* clang-format on */

#endif
