/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The integer types of a freestanding kernel, by their Linux names.
 *
 * Only headers that the compiler brings itself are used (stdint, stdbool,
 * stddef, stdarg): there is no C library on the machine that boots.
 */
#ifndef TYPES_H
#define TYPES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64; /* so that %llx prints it in both widths */
typedef int8_t s8;
typedef int32_t s32;

#define max(a, b) ((a) > (b) ? (a) : (b))
#define min(a, b) ((a) < (b) ? (a) : (b))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
