/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The first instructions of a 64-bit image, in place of stage 1's head.
 *
 * The same as head_32.S, where it is explained, with one way in: natively a
 * 64-bit kernel needs page tables before its first instruction, and that
 * second design is left out. The table has an entry for it all the same.
 *
 * Addresses are computed from RIP, so each is the one that this runs at.
 */
#include "bootparam.h"

/*
 * Xen jumps here. Ring 3, paging on, events masked, all of the first megabytes
 * mapped P=V; RSI = start_info, RSP = Xen's boot stack.
 */
//! [startup_xen]
	.section .head.text, "ax"
	.globl	startup_xen
startup_xen:
	leaq	xen_boot_params(%rip), %rax
	/* The magic number and the version make the next fields valid. */
	movl	$BP_MAGIC, BP_header(%rax)
	movw	$PROTOCOL_SUBARCH, BP_version(%rax)
	/* What we run on, and where it says more. */
	movl	$SUBARCH_XEN, BP_hardware_subarch(%rax)
	movq	%rsi, BP_hardware_subarch_data(%rax)
	/* RSI = boot_params: the contract of startup_64 holds. */
	movq	%rax, %rsi
//! [startup_xen]

/* The common head. RSI = boot_params, RSP = a stack. */
//! [startup_64]
	.globl	startup_64
startup_64:
	cld
	/* The loader's memory may be overwritten from now on. */
	leaq	boot_params(%rip), %rbx
	movq	%rbx, %rdi
	movl	$BP_SIZE / 8, %ecx
	rep movsq
	/* Before 2.07 the field did not exist, and all machines were PCs. */
	cmpw	$PROTOCOL_SUBARCH, BP_version(%rbx)
	jae	1f
	movl	$SUBARCH_PC, BP_hardware_subarch(%rbx)
1:	/* EAX = the subarch. */
	movl	BP_hardware_subarch(%rbx), %eax
	/* A number beyond the table is a subarch that is not known here. */
	cmpl	$num_subarch_entries, %eax
	jae	bad_subarch
	leaq	subarch_entries(%rip), %rdx
	movslq	(%rdx, %rax, 4), %rax
	addq	%rdx, %rax
	jmp	*%rax
//! [startup_64]

//! [subarch_entries]
	.section .rodata
	.balign	4
subarch_entries:
	.long	bad_subarch - subarch_entries	/* 0, a PC: only 32-bit here */
	.long	bad_subarch - subarch_entries	/* 1, lguest */
	.long	xen_entry - subarch_entries	/* 2, a Xen guest */
num_subarch_entries = (. - subarch_entries) / 4
//! [subarch_entries]

	.section .note.GNU-stack, "", @progbits
