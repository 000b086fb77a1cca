/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Unpacks a deflate stream. Called by gunzip().
 *
 * The data come in blocks: stored ones, and ones in two Huffman codes. The
 * first code has symbols for the 256 bytes, for the end of the block, and for
 * "copy so many bytes", each of which is followed by a symbol of the second:
 * "from so far back". The codes are the standard's, or stand at the head of
 * the block, packed by a third code.
 *
 * Damaged input can do no harm: what is read and written is bounded, and
 * gunzip() checks whether the result is right.
 *
 * Source: RFC 1951; the numbers in brackets are its sections.
 */
#include "string.h"
#include "unpack.h"

#define MAX_BITS      15
#define LITERAL_CODES 288
#define END_OF_BLOCK  256

struct stream {
	const u8 *in, *in_end;
	u8 *start, *out, *out_end;
	u32 bits; /* taken from the input and not used, lowest first */
	unsigned int bit_count;
};

/** A Huffman code: how many symbols each length has, and all by length. */
struct code {
	u16 count[MAX_BITS + 1];
	u16 symbol[LITERAL_CODES];
};

/* Up to 16 bits, the first the lowest. [3.1.1] */
static unsigned int get_bits(struct stream *s, unsigned int count)
{
	unsigned int value;

	for (; s->bit_count < count; s->bit_count += 8) {
		if (s->in == s->in_end)
			refuse("the payload ends too early");
		s->bits |= (u32)*s->in++ << s->bit_count;
	}
	value = s->bits & ((1U << count) - 1);
	s->bits >>= count;
	s->bit_count -= count;
	return value;
}

static void put_byte(struct stream *s, u8 byte)
{
	if (s->out == s->out_end)
		refuse("the payload is longer, unpacked, than it says");
	*s->out++ = byte;
}

/* Sorted by length, then by number: the lengths alone define a code. [3.2.2] */
static void make_code(struct code *code, const u8 *lengths,
		      unsigned int symbols)
{
	unsigned int sorted = 0;

	memset(code, 0, sizeof(*code));
	for (unsigned int length = 1; length <= MAX_BITS; length++) {
		for (unsigned int i = 0; i < symbols; i++) {
			if (lengths[i] == length) {
				code->symbol[sorted++] = i;
				code->count[length]++;
			}
		}
	}
}

/*
 * Of each length, the code words are consecutive numbers; those of the next
 * length follow the last one, doubled. So it is enough to keep the distance
 * from the first word of the length reached.
 */
//! [get_symbol]
static unsigned int get_symbol(struct stream *s, const struct code *code)
{
	unsigned int distance = 0, shorter = 0;

	for (unsigned int length = 1; length <= MAX_BITS; length++) {
		distance = 2 * distance + get_bits(s, 1);
		if (distance < code->count[length])
			return code->symbol[shorter + distance];
		distance -= code->count[length];
		shorter += code->count[length];
	}
	refuse("the payload is damaged: no such Huffman code");
}
//! [get_symbol]

/* Symbols 257 to 284 stand for lengths from 3, 4 to a power of two. [3.2.5] */
static unsigned int get_length(struct stream *s, unsigned int n)
{
	unsigned int extra = n < 8 ? 0 : n / 4 - 1;

	if (n == 28)
		return 258;
	if (n > 28)
		refuse("the payload is damaged: no such length");
	return n < 8 ? 3 + n : 3 + ((4 + n % 4) << extra) + get_bits(s, extra);
}

/* Symbols 0 to 29 stand for distances from 1, 2 to a power of two. [3.2.5] */
static unsigned int get_distance(struct stream *s, unsigned int n)
{
	unsigned int extra = n < 4 ? 0 : n / 2 - 1;

	if (n > 29)
		refuse("the payload is damaged: no such distance");
	return n < 4 ? 1 + n : 1 + ((2 + n % 2) << extra) + get_bits(s, extra);
}

static void copy_back(struct stream *s, unsigned int length,
		      unsigned int distance)
{
	if (distance > (size_t)(s->out - s->start))
		refuse("the payload is damaged: it copies from before its beginning");
	while (length--)
		put_byte(s, s->out[-(long)distance]);
}

static void coded_block(struct stream *s, const struct code *literals,
			const struct code *distances)
{
	unsigned int symbol;

	while ((symbol = get_symbol(s, literals)) != END_OF_BLOCK) {
		if (symbol < END_OF_BLOCK) {
			put_byte(s, symbol);
		} else {
			unsigned int length = get_length(s, symbol - 257);

			copy_back(s, length,
				  get_distance(s, get_symbol(s, distances)));
		}
	}
}

/* The codes that need not be sent. [3.2.6] */
static void fixed_block(struct stream *s)
{
	struct code literals, distances;
	u8 lengths[LITERAL_CODES];

	memset(lengths, 8, 144);
	memset(lengths + 144, 9, 112);
	memset(lengths + 256, 7, 24);
	memset(lengths + 280, 8, 8);
	make_code(&literals, lengths, LITERAL_CODES);
	memset(lengths, 5, 30);
	make_code(&distances, lengths, 30);
	coded_block(s, &literals, &distances);
}

/* Lengths of code words, in a code: 16 to 18 repeat. [3.2.7] */
static void get_lengths(struct stream *s, const struct code *code, u8 *lengths,
			unsigned int count)
{
	for (unsigned int i = 0; i < count;) {
		unsigned int symbol = get_symbol(s, code), repeat = 1;
		u8 length = symbol;

		if (symbol == 16) {
			if (i == 0)
				refuse("the payload is damaged: it repeats nothing");
			length = lengths[i - 1];
			repeat = 3 + get_bits(s, 2);
		} else if (symbol > 16) {
			length = 0;
			repeat = symbol == 17 ? 3 + get_bits(s, 3)
					      : 11 + get_bits(s, 7);
		}
		if (repeat > count - i)
			refuse("the payload is damaged: too many code lengths");
		memset(lengths + i, length, repeat);
		i += repeat;
	}
}

/* The codes in front of the data. [3.2.7] */
static void dynamic_block(struct stream *s)
{
	static const u8 order[19] = {16, 17, 18, 0, 8,	7, 9,  6, 10, 5,
				     11, 4,  12, 3, 13, 2, 14, 1, 15};
	unsigned int nr_literals = 257 + get_bits(s, 5);
	unsigned int nr_distances = 1 + get_bits(s, 5);
	unsigned int nr_lengths = 4 + get_bits(s, 4);
	struct code literals, distances;
	u8 lengths[288 + 32] = {};

	for (unsigned int i = 0; i < nr_lengths; i++)
		lengths[order[i]] = get_bits(s, 3);
	make_code(&literals, lengths, sizeof(order));
	get_lengths(s, &literals, lengths, nr_literals + nr_distances);
	make_code(&literals, lengths, nr_literals);
	make_code(&distances, lengths + nr_literals, nr_distances);
	coded_block(s, &literals, &distances);
}

/* Bytes as they are, from the next whole byte on. [3.2.4] */
static void stored_block(struct stream *s)
{
	unsigned int length;

	get_bits(s, s->bit_count % 8);
	length = get_bits(s, 16);
	if ((get_bits(s, 16) ^ length) != 0xffff)
		refuse("the payload is damaged: a stored block's length");
	while (length--)
		put_byte(s, get_bits(s, 8));
}

size_t inflate(const u8 **in, const u8 *in_end, u8 *out, size_t room)
{
	struct stream s = {*in, in_end, out, out, out + room, 0, 0};
	bool last;

	do {
		last = get_bits(&s, 1);
		switch (get_bits(&s, 2)) {
		case 0:
			stored_block(&s);
			break;
		case 1:
			fixed_block(&s);
			break;
		case 2:
			dynamic_block(&s);
			break;
		default:
			refuse("the payload is damaged: no such kind of block");
		}
	} while (!last);

	*in = s.in;
	return s.out - s.start;
}
