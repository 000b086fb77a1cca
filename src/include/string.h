/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The memory functions that GCC may call even in freestanding code, and
 * strlen().
 */
#ifndef STRING_H
#define STRING_H

#include "types.h"

/** @{ As in C. Regions may not overlap; counts are bytes. */
void *memcpy(void *to, const void *from, size_t count);
void *memset(void *to, int byte, size_t count);
int memcmp(const void *a, const void *b, size_t count);
size_t strlen(const char *text);
/** @} */

#endif
