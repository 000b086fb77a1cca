/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Places in the image, from the linker script.
 */
#ifndef SECTIONS_H
#define SECTIONS_H

/** @{ The first byte of the image, the first beyond its code, and beyond it. */
extern char _text[], _etext[], _end[];
/** @} */

#endif
