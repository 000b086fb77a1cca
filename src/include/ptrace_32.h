/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The registers at an exception, as entry_32.S pushes them.
 */
#ifndef PTRACE_32_H
#define PTRACE_32_H

/** Lowest address first: PUSHA's eight, two of the stub's, three of Xen's. */
struct pt_regs {
	unsigned long di, si, bp, unused_sp, bx, dx, cx, ax;
	unsigned long vector, error_code;
	unsigned long ip, cs, flags;
};

#endif
