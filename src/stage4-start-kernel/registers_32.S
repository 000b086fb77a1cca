/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * An exception and an event, while each register holds a known number.
 *
 * Called by xen_verify_entries(), at the linked address, with events on and a
 * timer event asked for. Puts a known number into each register, raises an
 * exception, waits for the event, and looks whether the numbers are still there.
 * registers_kept(count, before) returns whether they are; *count is the number
 * of ticks, which was `before` when the event was asked for.
 */

	.text
	.globl	registers_kept
registers_kept:
	pusha
	mov	36(%esp), %edi		# above PUSHA's eight words and the return address
	mov	40(%esp), %eax
	mov	$1, %ecx
	mov	$2, %edx
	mov	$3, %ebx
	mov	$4, %esi
	mov	$5, %ebp
1:	ud2				# undefined: __ex_table says to go on at 2
2:	cmp	%eax, (%edi)
	je	2b			# until the event's handler has counted it

	/* Nothing is left of a number that was kept: 0 in all, and ZF is set. */
	sub	$1, %ecx
	sub	$2, %edx
	sub	$3, %ebx
	sub	$4, %esi
	sub	$5, %ebp
	or	%edx, %ecx
	or	%ebx, %ecx
	or	%esi, %ecx
	or	%ebp, %ecx
	popa				# leaves the flags alone
	sete	%al
	ret

	.section __ex_table, "a"
	.balign	4
	.long	1b - ., 2b - .

	.section .note.GNU-stack, "", @progbits
