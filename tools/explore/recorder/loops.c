// SPDX-License-Identifier: GPL-2.0-only
/**
 * @file
 * Of a loop with many turns only the first are written down, and how many
 * instructions followed. Called for each instruction of the guest's; the second
 * boot comes to the same answers as the first.
 */
#include "record.h"

/* A loop is at most so many instructions long; its first turns are written
 * down, or the first few if this loop was long before. */
#define LONGEST	  256
#define TURNS	  64
#define FEW_TURNS 3

static struct {
	uint64_t va;
	uint64_t when; /* it was executed last */
	uint64_t long_period;
} seen[1 << 16];

/* So many instructions in a row came `period` instructions after they had come
 * before. */
static uint64_t period, matched;

void end_loop(void)
{
	if (out->skipped)
		add(LOOPED, period, out->skipped, 0);
	out->skipped = 0;
	period = matched = 0;
}

/* Whether this instruction is in one more turn of a loop that has had enough of
 * them: every instruction for long came `period` instructions after it came
 * last. */
bool goes_round(uint64_t va)
{
	typeof(seen[0]) *slot = &seen[va % (sizeof(seen) / sizeof(seen[0]))];
	uint64_t distance = guest_count - slot->when;

	if (slot->va != va) {
		slot->va = va;
		slot->long_period = 0;
		distance = 0;
	}
	slot->when = guest_count;
	if (!distance || distance > LONGEST || distance != period) {
		end_loop();
		period = distance;
		return false;
	}
	if (!out->skipped &&
	    ++matched <
		    period * (slot->long_period == period ? FEW_TURNS : TURNS))
		return false;
	slot->long_period = out->period = period;
	out->skipped++;
	return true;
}
