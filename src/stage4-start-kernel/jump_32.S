/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The jump: the last instructions that run P=V.
 *
 * Called by xen_entry() with two linked virtual addresses, code and stack.
 * Calls and jumps are relative, so however far the code jumps, it stays in the
 * mapping it runs in. Only a jump through a register leaves it.
 */

//! [jump_to]
	.text
	.globl	jump_to
jump_to:
	mov	4(%esp), %eax	# code, before the stack it is read from goes
	mov	8(%esp), %esp	# from here on, the stack is at its linked address
	push	$0		# no return address: backtraces end here
	jmp	*%eax		# from here on, so is the code
//! [jump_to]

	.section .note.GNU-stack, "", @progbits
