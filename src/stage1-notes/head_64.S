/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The first instructions of a 64-bit image: Xen jumps here.
 *
 * What holds: ring 3 (a 64-bit guest's kernel has no ring 1), flat segments,
 * paging on, interrupts (events) masked. Every page of the first few
 * megabytes is mapped P=V. RSI holds start_info, RSP the top of a one-page
 * stack that Xen laid above the page tables; the other registers are 0. The
 * linker believed that this code would run 2 GiB below the top of the address
 * space: it does not yet.
 *
 * Source: xen/arch-x86/xen-x86_64.h, "Xen PV entry point".
 */

//! [startup_xen]
	.section .head.text, "ax"
	.globl	startup_xen
startup_xen:
	cld			# C expects string instructions to go upwards
	mov	%rsi, %rdi	# the argument of xen_entry(): start_info, P=V
	call	xen_entry	# relative, so it works wherever this runs
	ud2			# xen_entry() does not return
//! [startup_xen]

	.section .note.GNU-stack, "", @progbits
