/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Stage 1: entered P=V, and not yet able to print.
 *
 * Called by startup_xen, the image's first instructions, P=V. There is no
 * hypercall page yet, so nothing can be printed, and no way to exit either.
 * What is left is to fall over in a way that an onlooker can recognise: an
 * undefined instruction makes Xen print every register and the stack, and
 * that dump is this stage's output.
 */
#include "early.h"

//! [xen_entry]
void xen_entry(struct start_info *info)
{
	/* ESI (RSI) in the dump is to be start_info: that is the whole
	 * contract. */
	asm volatile(".globl proof_of_life\n"
		     "proof_of_life: ud2"
		     :
		     : "S"(info));
	__builtin_unreachable();
}
//! [xen_entry]
