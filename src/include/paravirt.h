/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What a kernel does differently on each kind of machine: Linux's
 * paravirt_ops, with two operations instead of a hundred.
 */
#ifndef PARAVIRT_H
#define PARAVIRT_H

#include "console.h"

/** One kind of machine. Its pointers are linked VAs: not for use P=V. */
struct paravirt_ops {
	const char *name;

	/** Prints what this machine has told the kernel. */
	void (*show)(void);

	/** Ends the run. */
	void __attribute__((noreturn)) (*exit)(enum verdict verdict);
};

/** The machine that this runs on; set by whoever calls start_kernel(). */
extern struct paravirt_ops paravirt_ops;

/** Prints a module's length, VA and sum of bytes, or that there is none. */
void show_module(const u8 *module, unsigned long length);

/** Everything has been set up: what a kernel does next. */
void __attribute__((noreturn)) start_kernel(void);

#endif
