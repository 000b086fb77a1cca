/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Translation as the processor does it: by machine addresses only.
 *
 * It knows neither p2m nor m2p; so what these say wrongly does not show here.
 *
 * Source: Intel SDM volume 3A, chapter 4 (paging).
 */
#include "machine.h"

entry_t *entry_for(u64 va, unsigned int level)
{
	u64 maddr = frame_of(machine.pt_base / PAGE) * PAGE;

	va &= (1ULL << VA_BITS) - 1;
	for (unsigned int at = LEVELS;; at--) {
		u64 index = va / REACH(at) % ENTRIES_PER_TABLE;
		entry_t *entry;
		u64 pfn;

		if (!frame_is_ours(maddr / PAGE, &pfn))
			return NULL;
		entry = (entry_t *)(machine.memory + pfn * PAGE) + index;
		if (at == level)
			return entry;
		if (!(*entry & ENTRY_PRESENT))
			return NULL;
		maddr = *entry & ENTRY_ADDR;
	}
}

u64 translate(u64 va)
{
	const entry_t *pte = entry_for(va, 1);

	if (!pte || !(*pte & ENTRY_PRESENT))
		return NOT_MAPPED;
	return (*pte & ENTRY_ADDR) + va % PAGE;
}
