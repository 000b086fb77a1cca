// SPDX-License-Identifier: GPL-2.0-only
/**
 * @file
 * What is stored in memory: by the guest all of it, by Xen what goes into the
 * guest's pages. QEMU calls stored() after each access.
 */
#include <string.h>

#include "record.h"

#define FEW_STORES 16

/* In the turns that are left out only the last value of each place counts, and
 * there are few places. */
static bool store_again(uint64_t maddr, uint32_t size, uint64_t value)
{
	uint64_t first = out->count > FEW_STORES ? out->count - FEW_STORES : 0;

	for (uint64_t i = out->count; i-- > first;) {
		struct record *record = &out->record[i];

		if (record->kind != STORED)
			break;
		if (record->where == maddr && record->size == size) {
			record->value = value;
			return true;
		}
	}
	return false;
}

/* One piece of a store, inside one page and at most as large as a record's
 * value. Of what Xen stores, only what is in a page of the guest's is of
 * interest. */
static void stored_piece(qemu_plugin_meminfo_t info, uint64_t va, uint32_t size)
{
	struct qemu_plugin_hwaddr *where = qemu_plugin_get_hwaddr(info, va);
	uint64_t maddr, value = 0;

	if (!where || qemu_plugin_hwaddr_is_io(where))
		return;
	maddr = qemu_plugin_hwaddr_phys_addr(where);
	if (maddr > ram_size - size ||
	    (!in_guest && !wanted[maddr / PAGE_SIZE % wanted_pages]))
		return;
	memcpy(&value, ram + maddr, size);
	if (!out->skipped || !store_again(maddr, size, value))
		add(in_guest ? STORED : XEN_STORED, size, maddr, value);
}

void stored(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t va,
	    void *data)
{
	uint32_t left = 1u << qemu_plugin_mem_size_shift(info), size;

	(void)cpu;
	(void)data;
	if (!guest_is_up || !qemu_plugin_mem_is_store(info))
		return;
	for (; left; left -= size, va += size) {
		size = PAGE_SIZE - va % PAGE_SIZE;
		if (size > left)
			size = left;
		if (size > sizeof(uint64_t))
			size = sizeof(uint64_t);
		stored_piece(info, va, size);
	}
}
