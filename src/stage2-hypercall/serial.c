/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The first serial port, driven by hand.
 *
 * Called by console.c, and only in ring 0: under Xen the port is Xen's.
 * Source: the data sheet of the 16550 UART.
 */
#include "serial.h"

#define COM1	       0x3f8
#define UART_DATA      (COM1 + 0)
#define UART_DIVISOR_L (COM1 + 0)
#define UART_DIVISOR_H (COM1 + 1)
#define UART_LINE      (COM1 + 3)
#define UART_STATUS    (COM1 + 5)

#define LINE_8N1	0x03
#define LINE_DIVISOR	0x80
#define STATUS_TX_EMPTY 0x20

void serial_init(void)
{
	outb(LINE_DIVISOR, UART_LINE);
	outb(1, UART_DIVISOR_L);
	outb(0, UART_DIVISOR_H);
	outb(LINE_8N1, UART_LINE);
}

/* The wait ends even if the port is never ready: only text is lost then. */
static void serial_putc(char c)
{
	unsigned int tries = 100000;

	while (!(inb(UART_STATUS) & STATUS_TX_EMPTY) && --tries)
		;
	outb(c, UART_DATA);
}

void serial_write(const char *text, unsigned int count)
{
	for (; count; count--, text++) {
		if (*text == '\n')
			serial_putc('\r');
		serial_putc(*text);
	}
}
