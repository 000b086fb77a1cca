/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * A gzip file: a header, a deflate stream, and two numbers to check it by.
 *
 * Called by unpack(). Source: RFC 1952.
 */
#include "unpack.h"

#define HEADER_LENGTH  10
#define TRAILER_LENGTH 8

static u32 get_u32(const u8 *at)
{
	return at[0] | at[1] << 8 | at[2] << 16 | (u32)at[3] << 24;
}

/* Bit by bit: a table would be faster, and longer than this. */
static u32 crc32(const u8 *at, size_t length)
{
	u32 crc = ~0U;

	while (length--) {
		crc ^= *at++;
		for (unsigned int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

//! [gunzip]
size_t gunzip(const u8 *in, size_t length, u8 *out, size_t room)
{
	const u8 *at = in + HEADER_LENGTH;
	const u8 *end;
	size_t unpacked;

	if (length < HEADER_LENGTH + TRAILER_LENGTH || in[0] != 0x1f ||
	    in[1] != 0x8b)
		refuse("the payload is not a gzip file");
	if (in[2] != 8 || in[3] != 0)
		refuse("the payload's gzip header has more than is read here: pack with gzip -n");

	end = in + length - TRAILER_LENGTH;
	unpacked = inflate(&at, end, out, room);
	if (at != end || get_u32(end + 4) != unpacked)
		refuse("the payload's end is not where payload_length says, or damaged");
	if (get_u32(end) != crc32(out, unpacked))
		refuse("the payload is damaged: its checksum differs");
	return unpacked;
}
//! [gunzip]
