/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The protected-mode part's first instructions: out of the kernel's way.
 *
 * Entered from setup.S, or by a 32-bit boot loader. What holds: ring 0, flat
 * segments, paging and interrupts off, ESI = boot_params. This code, and the
 * payload behind it, lie at code32_start, 1 MiB: exactly where the kernel has
 * to go. It is linked for UNPACK_ADDR, and takes itself there first.
 */

//! [unpack_head]
	.section .head, "ax"
	.globl	unpack_head
unpack_head:
	cld
	cli
	/* EBP = boot_params: no C function changes that. */
	movl	%esi, %ebp
	/* All of the protected-mode part stands at UNPACK_ADDR, too. */
	movl	$code32_start, %esi
	movl	$unpack_head, %edi
	movl	$unpack_longs, %ecx
	rep movsl
	/* The program runs there. */
	movl	$1f, %eax
	jmp	*%eax
1:	/* .bss is zero, and has a stack. */
	movl	$_bss, %edi
	movl	$bss_longs, %ecx
	xorl	%eax, %eax
	rep stosl
	movl	$stack_end, %esp
	/* The kernel lies where its program headers say; EAX = startup_32. */
	pushl	%ebp
	call	unpack
	/* ESI = boot_params: startup_32 is entered as this was. */
	movl	%ebp, %esi
	jmp	*%eax
//! [unpack_head]

	.bss
	.balign	16
	.skip	4096
stack_end:

	.section .note.GNU-stack, "", @progbits
