/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * How a run fails: the reason is printed, and the host gets a verdict.
 *
 * Called from everywhere once the console works.
 */
#include "console.h"
#include "setup-hypercall.h"
#include "xen-interface.h"

/*
 * Names as characters, not as pointers to them: a table of pointers would
 * hold linked addresses, and this is used before they are mapped.
 */
static const struct {
	int number;
	char name[16];
} errno_names[] = {
#define XEN_ERRNO(name, value) {value, #name},
#include <xen/errno.h>
};

static const char *errno_name(long number)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(errno_names); i++)
		if (errno_names[i].number == number)
			return errno_names[i].name;
	return "no number of xen/errno.h";
}

/* Ring 0 is a machine without Xen, where a hypercall would be the next fault.
 */
static void __attribute__((noreturn)) fail(void)
{
	if (current_ring() == 0)
		native_exit(VERDICT_FAILURE);
	xen_exit(VERDICT_FAILURE);
}

void panic(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printk("PANIC: ");
	vprintk(format, args);
	printk("\n");
	va_end(args);
	fail();
}

void hypercall_must(long ret, const char *what, ...)
{
	va_list args;

	if (ret >= 0)
		return;

	va_start(args, what);
	printk("PANIC: hypercall refused: ");
	vprintk(what, args);
	printk(": %ld (%s)\n", ret, errno_name(-ret));
	va_end(args);
	fail();
}
