/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * panic() and its kin for the code under test: they end the call, not the run.
 *
 * Stands in for src/stage2-hypercall/panic.c.
 */
#include <stdio.h>

#include "check.h"

char panic_text[256];

static jmp_buf panic_exit;
static bool panic_expected;

bool panics(void (*call)(void))
{
	volatile bool panicked = true;

	panic_expected = true;
	if (setjmp(panic_exit) == 0) {
		call();
		panicked = false;
	}
	panic_expected = false;
	return panicked;
}

static void __attribute__((noreturn)) end_call(void)
{
	forget_batch();
	if (!panic_expected)
		fail_msg("unexpected panic: %s", panic_text);
	longjmp(panic_exit, 1);
}

void panic(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(panic_text, sizeof(panic_text), format, list);
	va_end(list);
	end_call();
}

void hypercall_must(long ret, const char *what, ...)
{
	int length;
	va_list list;

	if (ret >= 0)
		return;
	va_start(list, what);
	length = vsnprintf(panic_text, sizeof(panic_text), what, list);
	va_end(list);
	snprintf(panic_text + length, sizeof(panic_text) - length, ": %ld",
		 ret);
	end_call();
}
