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
 * stub. A plain IRET would leave events masked, since only Xen sees to it that
 * the IF bit in the frame becomes the virtual processor's event mask again.
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
/* clang-format on */

#endif
