/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The unpacker: what runs natively before the kernel, in place of Xen's loader.
 */
#ifndef UNPACK_H
#define UNPACK_H

#include "types.h"

struct boot_params;

/**
 * Puts the kernel where it has to lie. Called by head.S.
 *
 * Finds the payload by the setup header, as Xen does, so that a mistake there
 * shows natively, too.
 *
 * @param params the boot loader's
 * @return the address of startup_32
 */
u32 unpack(const struct boot_params *params);

/**
 * Says why this cannot be unpacked, and ends the run.
 *
 * Whoever links the unpacker in provides it: on the bare machine there is a
 * serial port, in stage 6 there is panic().
 */
void __attribute__((noreturn)) refuse(const char *why);

/**
 * Unpacks a gzip file of one member. Refuses anything else.
 *
 * @param in     the file
 * @param length its bytes
 * @param out    room for the contents
 * @param room   bytes there
 * @return how long the contents are
 */
size_t gunzip(const u8 *in, size_t length, u8 *out, size_t room);

/**
 * Unpacks a deflate stream, the format inside a gzip file.
 *
 * @param[in,out] in where it begins; where it ended
 * @param in_end     first byte beyond the input
 * @param out        room for the contents
 * @param room       bytes there
 * @return how long the contents are
 */
size_t inflate(const u8 **in, const u8 *in_end, u8 *out, size_t room);

#endif
