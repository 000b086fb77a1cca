/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Printing and stopping: what every stage from 2 on may use.
 */
#ifndef CONSOLE_H
#define CONSOLE_H

#include "types.h"

/** Where text can go. Each way is usable a little later than the one before. */
enum console {
	/** Xen's gate: works from the first instruction under Xen. */
	CONSOLE_XEN_GATE,
	/** The hypercall page: from setup_hypercall_page() on. */
	CONSOLE_XEN,
	/** A ring shared with dom0: every other domain, after the same call. */
	CONSOLE_RING,
	/** The first serial port: only where the machine is ours alone. */
	CONSOLE_SERIAL,
};

/** Picks the way that printk() takes from now on. */
void console_select(enum console way);

/** Panics if text still goes by Xen's gate, as it does until @ref
 * console_select. */
void console_was_selected(void);

/** @{ The ring shared with dom0: its page's paddr, and its event channel. */
extern unsigned long ring_paddr;
extern u32 ring_port;
/** @} */

/** Writes @p count bytes of @p text into the ring shared with dom0. */
void ring_write(const char *text, unsigned int count);

/** Writes @p count bytes of @p text the way that was selected. */
void console_write(const char *text, unsigned int count);

/**
 * Prints a line: %s, %d, %u and %x, with l, ll, #, 0 and a width.
 * Numbers of type ll print in hexadecimal only (%llx): division of 64 bits by
 * a 32-bit kernel would need a library.
 */
void printk(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** The same, with its arguments in a va_list. */
void vprintk(const char *format, va_list list);

/** Prints why, and ends the run as a failure. */
void panic(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

/**
 * Checks what a hypercall returned, and panics if it was refused.
 *
 * @param ret  what the hypercall returned
 * @param what the call, and the address it was about with its address word
 */
void __attribute__((format(printf, 2, 3)))
hypercall_must(long ret, const char *what, ...);

/** What the guest tells the host at its end: the values of xen_exit(). */
enum verdict {
	/** QEMU exits with 2 * 0x10 + 1 = 33. */
	VERDICT_SUCCESS = 0x10,
	/** QEMU exits with 2 * 0x11 + 1 = 35. */
	VERDICT_FAILURE = 0x11,
};

/** Ends the run with a verdict that the host can read without trusting text. */
void __attribute__((noreturn)) xen_exit(enum verdict verdict);

/** Has QEMU exit with a verdict. Needs the right to touch ports. */
void tell_host(enum verdict verdict);

/** For a guest that is not dom0: @ref xen_exit must not try the port. */
void exit_without_ports(void);

/** @{ Whether a guest may try it, and what it tells Xen: SHUTDOWN_. */
extern bool first_domain;
unsigned int shutdown_reason(enum verdict verdict);
/** @} */

/** Ends the run as @ref xen_exit does, in ring 0: a machine that is ours. */
void __attribute__((noreturn)) native_exit(enum verdict verdict);

#endif
