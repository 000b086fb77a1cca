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

/** @{ An integer by its bits: u without a sign, s with one. */
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64; /* so that %llx prints it in both widths */
typedef int8_t s8;
typedef int32_t s32;
/** @} */

/** @{ The larger or the smaller of two; both are worked out twice. */
#define max(a, b) ((a) > (b) ? (a) : (b))
#define min(a, b) ((a) < (b) ? (a) : (b))
/** @} */

/** How many elements an array has: not for pointers. */
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
