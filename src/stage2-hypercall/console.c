/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Four ways to print text, from the first instruction on.
 *
 * Called by printk(). The way in use is a number, not a function pointer: a
 * pointer stored while running P=V would be wrong after the jump.
 */
#include "console.h"
#include "hypercall.h"
#include "serial.h"

static enum console console = CONSOLE_XEN_GATE;

void console_select(enum console way)
{
	console = way;
	if (way == CONSOLE_SERIAL)
		serial_init();
}

/* The gate is for what is printed before the page is there. A kernel that is
 * still there at its end has never printed through its page.
 */
void console_was_selected(void)
{
	if (console == CONSOLE_XEN_GATE)
		panic("console: still by Xen's gate at the end, and not through the hypercall page");
}

/* Refusals are printed by this function, so a refusal of its own goes by the
 * gate, which may work where the page does not.
 */
static void write_by_page(const char *text, unsigned int count)
{
	long ret = HYPERVISOR_console_io(count, text);

	if (ret < 0)
		console = CONSOLE_XEN_GATE;
	hypercall_must(ret, "console_io, %u bytes at VA %#lx", count,
		       (unsigned long)text);
}

void console_write(const char *text, unsigned int count)
{
	switch (console) {
	case CONSOLE_XEN_GATE:
		hypercall_by_gate(__HYPERVISOR_console_io, CONSOLEIO_write,
				  count, HYPERCALL_PTR(text));
		break;
	case CONSOLE_XEN:
		write_by_page(text, count);
		break;
	case CONSOLE_RING:
		ring_write(text, count);
		break;
	case CONSOLE_SERIAL:
		serial_write(text, count);
		break;
	}
}
