/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Which machine frame holds which page.
 *
 * Nothing about a guest's frames is regular: neighbours are strangers. The
 * order is computed, not stored, so that a guest of 510 GiB costs nothing: PFN
 * and MFN are each other's image under a permutation of 2^bits numbers. Half of
 * these or more are beyond the guest's last page: frames of other guests.
 */
#include "machine.h"

/* Frames of the machine: first .. first + 2^bits - 1. Factors are odd. */
static u64 first, factor[2], inverse[2];
static unsigned int bits;

static u64 low_bits(u64 number)
{
	return number & ((1ULL << bits) - 1);
}

/* Undoes itself: what is moved down is less than half. */
static u64 fold(u64 number)
{
	return number ^ (number >> (bits + 1) / 2);
}

/* factor * inverse = 1, modulo 2^64; each step doubles the bits. */
static u64 inverse_of(u64 odd)
{
	u64 guess = odd;

	for (int step = 0; step < 5; step++)
		guess *= 2 - odd * guess;
	return guess;
}

void frames_shuffle(u64 nr_pages)
{
	const u64 four_gib = GIB(4) / PAGE;

	for (bits = 10; 1ULL << bits < 2 * nr_pages; bits++)
		;
	for (int i = 0; i < 2; i++) {
		factor[i] = random_u64() | 1;
		inverse[i] = inverse_of(factor[i]);
	}

	/* Around 4 GiB, if entries can name that and the machine is small. */
	if (sizeof(entry_t) == 4)
		first = random_below(four_gib - (1ULL << bits) + 1);
	else
		first = bits > 20 ? 0 : four_gib - (1ULL << bits) / 2;
}

u64 frame_of(u64 pfn)
{
	return first + low_bits(fold(low_bits(pfn * factor[0])) * factor[1]);
}

u64 frame_of_stranger(u64 pfn)
{
	return frame_of(pfn + (1ULL << (bits - 1)));
}

bool frame_is_ours(u64 mfn, u64 *pfn)
{
	u64 number = low_bits((mfn - first) * inverse[1]);

	*pfn = low_bits(fold(number) * inverse[0]);
	return mfn - first < 1ULL << bits && *pfn < machine.nr_pages;
}

unsigned int table_level(u64 pfn)
{
	u64 table = pfn - machine.pt_base / PAGE;

	return table < machine.nr_tables ? machine.table_level[table] : 0;
}
