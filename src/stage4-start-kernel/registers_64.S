/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * An exception and an event, while each register holds a known number.
 *
 * Called by xen_verify_entries(), at the linked address, with events on and a
 * timer event asked for. Puts a known number into each register, raises an
 * exception, waits for the event, and looks whether the numbers are still there.
 * registers_kept(RDI: count, ESI: before) returns whether they are; *count is
 * the number of ticks, which was `before` when the event was asked for.
 *
 * Only the registers that a C function may change are tried: the handlers are
 * written in C, and the compiler has them keep RBX, RBP and R12 to R15.
 */

	.text
	.globl	registers_kept
registers_kept:
	mov	%esi, %eax
	mov	$1, %ecx
	mov	$2, %edx
	mov	$3, %esi
	mov	$4, %r8d
	mov	$5, %r9d
	mov	$6, %r10d
	mov	$7, %r11d
1:	ud2				# undefined: __ex_table says to go on at 2
2:	cmp	%eax, (%rdi)
	je	2b			# until the event's handler has counted it

	/* Nothing is left of a number that was kept: 0 in all, and ZF is set. */
	sub	$1, %rcx
	sub	$2, %rdx
	sub	$3, %rsi
	sub	$4, %r8
	sub	$5, %r9
	sub	$6, %r10
	sub	$7, %r11
	or	%rdx, %rcx
	or	%rsi, %rcx
	or	%r8, %rcx
	or	%r9, %rcx
	or	%r10, %rcx
	or	%r11, %rcx
	sete	%al
	ret

	.section __ex_table, "a"
	.balign	4
	.long	1b - ., 2b - .

	.section .note.GNU-stack, "", @progbits
