/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Included before everything else (gcc -include): no symbol leaves the image.
 *
 * Position independent code takes the address of a symbol that might come
 * from elsewhere out of a table, the GOT. The table holds linked addresses,
 * and those are not mapped before the remap. A hidden symbol is known to be
 * in the image, so its address is computed from the program counter instead:
 * right wherever the image runs. -fvisibility=hidden would do this for
 * definitions only, the pragma does it for extern declarations too.
 */
#pragma GCC visibility push(hidden)
