/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Interrupted with a known number in each register.
 *
 * Called by xen_verify_entries(): RDI is where ticks are counted, ESI how many
 * there were. Only what a function may change is looked at: the handler in C
 * keeps the rest. Returns whether all numbers are still there.
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
1:	ud2				# an exception, which goes on behind it
2:	cmp	%eax, (%rdi)
	je	2b			# an event

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
