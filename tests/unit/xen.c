/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The model's mmu_update: refuses what Xen refuses, with Xen's number.
 *
 * Stricter than Xen in one thing: a page never becomes a page table here by
 * being named as one. The remap makes no new tables.
 *
 * Source: xen/arch/x86/mm.c, do_mmu_update() and mod_l1_entry() to
 * mod_l4_entry(); field values from xen/xen.h.
 */
#include "hypercall.h"
#include "machine.h"

unsigned int writable_level(u64 va)
{
	u64 slot = (va & ((1ULL << VA_BITS) - 1)) / REACH(LEVELS);
	bool xens = slot >= XEN_PGD_FIRST && slot <= XEN_PGD_LAST;

	/* Only of PAE's slot 3 is any part the guest's. */
	return xens ? LEVELS - 1 : LEVELS;
}

/* Xen's entries in the tables of the guest's. */
static int check_slot(u64 pfn, unsigned int level, unsigned int slot)
{
	if (level == LEVELS && slot >= XEN_PGD_FIRST &&
	    (LEVELS == 3 || slot <= XEN_PGD_LAST))
		return -XEN_EINVAL;
	if (LEVELS == 3 && pfn == machine.shared_pmd_pfn &&
	    slot >= XEN_PMD_FIRST)
		return -XEN_EPERM;
	return 0;
}

/* A value may name a page of this guest's, of the level below. */
static int check_value(unsigned int level, u64 value)
{
	u64 pfn;

	if (!(value & ENTRY_PRESENT))
		return 0;
	if (level > 1 && value & ENTRY_BAD)
		return -XEN_EINVAL;
	if (!frame_is_ours((value & ENTRY_ADDR) / PAGE, &pfn))
		return -XEN_EINVAL;
	if (level == 1)
		return table_level(pfn) && value & ENTRY_RW ? -XEN_EBUSY : 0;
	if (table_level(pfn) != level - 1)
		return -XEN_EINVAL;
	/* Xen's slot is one: its pmd page has a type of its own. */
	if (LEVELS == 3 && pfn == machine.shared_pmd_pfn)
		return -XEN_EINVAL;
	return 0;
}

static int update_entry(u64 maddr, u64 value)
{
	entry_t *entry;
	u64 pfn;
	int ret = 0;

	if (!frame_is_ours(maddr / PAGE, &pfn))
		return -XEN_EINVAL;
	entry = (entry_t *)(machine.memory + pfn * PAGE + maddr % PAGE);

	/* Ordinary memory may be written like this too: no check at all. */
	if (table_level(pfn)) {
		ret = check_slot(pfn, table_level(pfn),
				 maddr % PAGE / sizeof(entry_t));
		if (ret == 0)
			ret = check_value(table_level(pfn), value);
	}
	if (ret == 0)
		*entry = value;
	return ret;
}

static int update_m2p(u64 maddr, u64 value)
{
	u64 pfn;

	if (!frame_is_ours(maddr / PAGE, &pfn))
		return -XEN_EINVAL;
	machine.m2p[maddr / PAGE] = value;
	return 0;
}

static int update(const struct mmu_update *u)
{
	unsigned int command = u->ptr % sizeof(entry_t);

	switch (command) {
	case MMU_NORMAL_PT_UPDATE:
	case MMU_PT_UPDATE_PRESERVE_AD:
		return update_entry(u->ptr - command, u->val);
	case MMU_MACHPHYS_UPDATE:
		return update_m2p(u->ptr - command, u->val);
	}
	return -XEN_ENOSYS;
}

long HYPERVISOR_mmu_update(const struct mmu_update *updates, unsigned int count,
			   unsigned int *done, domid_t domain)
{
	unsigned int i;
	int ret = 0;

	machine.calls++;
	if (domain != DOMID_SELF)
		return -XEN_ESRCH;
	for (i = 0; i < count && ret == 0; i++)
		ret = update(&updates[i]);

	/* The one that was refused does not count as done. */
	if (ret)
		i--;
	machine.updates += i;
	if (done)
		*done = i;
	return ret;
}
