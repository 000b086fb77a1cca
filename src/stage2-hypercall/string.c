/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Memory functions. Called from everywhere, at any moment.
 */
#include "string.h"

void *memcpy(void *to, const void *from, size_t count)
{
	void *start = to;

	asm volatile("rep movsb"
		     : "+D"(to), "+S"(from), "+c"(count)
		     :
		     : "memory");
	return start;
}

void *memset(void *to, int byte, size_t count)
{
	void *start = to;

	asm volatile("rep stosb"
		     : "+D"(to), "+c"(count)
		     : "a"(byte)
		     : "memory");
	return start;
}

int memcmp(const void *a, const void *b, size_t count)
{
	const u8 *left = a;
	const u8 *right = b;

	for (; count; count--, left++, right++)
		if (*left != *right)
			return *left - *right;
	return 0;
}

size_t strlen(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}
