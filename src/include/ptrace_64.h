/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The registers at an exception, as entry_64.S pushes them.
 */
#ifndef PTRACE_64_H
#define PTRACE_64_H

/** Lowest address first: fifteen general ones, two of the stub's, five of
 * Xen's. */
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8;
	unsigned long ax, cx, dx, si, di;
	unsigned long vector, error_code;
	unsigned long ip, cs, flags, sp, ss;
};

#endif
