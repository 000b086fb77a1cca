/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Interrupted with a known number in each register.
 *
 * Called by xen_verify_entries(): the arguments are where ticks are counted and
 * how many there were. Returns whether all numbers are still there.
 */

	.text
	.globl	registers_kept
registers_kept:
	pusha
	mov	36(%esp), %edi		# behind PUSHA's eight and the return address
	mov	40(%esp), %eax
	mov	$1, %ecx
	mov	$2, %edx
	mov	$3, %ebx
	mov	$4, %esi
	mov	$5, %ebp
1:	ud2				# an exception, which goes on behind it
2:	cmp	%eax, (%edi)
	je	2b			# an event

	sub	$1, %ecx
	sub	$2, %edx
	sub	$3, %ebx
	sub	$4, %esi
	sub	$5, %ebp
	or	%edx, %ecx
	or	%ebx, %ecx
	or	%esi, %ecx
	or	%ebp, %ecx
	popa				# does not change the flags
	sete	%al
	ret

	.section __ex_table, "a"
	.balign	4
	.long	1b - ., 2b - .

	.section .note.GNU-stack, "", @progbits
