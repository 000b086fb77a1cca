/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The first serial port of a PC, for when no hypervisor owns it.
 */
#ifndef SERIAL_H
#define SERIAL_H

#include "types.h"

/** Sets 115200 baud, 8 bits, no parity. Must run in ring 0. */
void serial_init(void);

/** Sends @p count bytes, waiting for each, a bounded time. Must run in ring 0.
 */
void serial_write(const char *text, unsigned int count);

/** Writes a byte to an I/O port. The ring must have the right to. */
static inline void outb(u8 value, u16 port)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

/** Reads a byte from an I/O port. The ring must have the right to. */
static inline u8 inb(u16 port)
{
	u8 value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

#endif
