/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The words on dom0's command line that are meant for the toolstack.
 *
 * Called by the parts that can be told to work in another way. The guest gets
 * the same command line, and these words in it: they mean nothing there.
 */
#include "string.h"
#include "toolstack.h"
#include "xen-ops.h"

/* A word begins the line, or follows a space. */
const char *option(const char *name)
{
	const char *at = (const char *)xen_start_info->cmd_line;

	for (bool begins = true; *at; begins = *at++ == ' ') {
		if (begins && memcmp(at, name, strlen(name)) == 0)
			return at + strlen(name);
	}
	return NULL;
}

unsigned long option_number(const char *name, unsigned long otherwise)
{
	const char *at = option(name);
	unsigned long value = 0;

	if (!at)
		return otherwise;
	for (; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (*at - '0');
	return value;
}
