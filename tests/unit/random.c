/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Random numbers that come again: splitmix64.
 */
#include "machine.h"

u64 random_seed;

u64 random_u64(void)
{
	u64 z = random_seed += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

u64 random_below(u64 end)
{
	return random_u64() % end;
}

u64 random_size(u64 end)
{
	u64 size;

	do
		size = random_u64() >> random_below(64);
	while (size == 0 || size >= end);
	return size;
}
