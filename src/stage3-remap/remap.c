/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The remap: the same pages, at their linked addresses, by a few entries.
 *
 * The kernel is mapped P=V and linked for PAGE_OFFSET. Its pte pages hold the
 * right MFNs already; so they are not copied, only reached a second time, by
 * copying the entries *above* them. Which level to copy at is the whole
 * question:
 *
 * - A pgd entry is cheapest: one for 1 GiB (PAE), 512 GiB (x86-64), 4 MiB (two
 *   levels). But it replaces all that the slot held before.
 * - In the one slot that a PAE guest shares with Xen that would unmap Xen, so
 *   Xen refuses (-EINVAL). There the pmd entries are copied into the pmd
 *   page that the slot has, one for 2 MiB.
 * - The text of a 64-bit kernel lies at the end of an empty pgd slot. Instead
 *   of allocating a pud page for it, the P=V pud page serves both: see
 *   remap_kernel_text().
 *
 * Page tables are read-only to a guest: a store would fault. Changes are asked
 * for by mmu_update, which takes machine addresses and any number of changes.
 * All are collected first and made by one hypercall; so every value is read
 * before any is written, and the order does not matter.
 *
 * Called by xen_entry(), P=V, with the hypercall page set up.
 */
#include "console.h"
#include "hypercall.h"
#include "pv-memory.h"
#include "remap.h"

static struct mmu_update batch[REMAP_MAX_UPDATES];
static unsigned int batched;

/**
 * Asks for *@p dst to become what *@p src is. Both are P=V addresses of page
 * table entries; nothing happens before flush_batch().
 */
//! [copy_mapping]
static void copy_mapping(const struct start_info *info, const pteval_t *src,
			 const pteval_t *dst)
{
	static const pteval_t *last;
	struct mmu_update *u = &batch[batched++];

	if (batched > ARRAY_SIZE(batch))
		panic("remap: batch has room for %u updates, and this is one more",
		      batched - 1);
	/* As when addr goes on by less than an entry maps. */
	if (batched > 1 && dst == last)
		panic("remap: two updates in a row write the entry at P=V %#lx",
		      paddr_x(ptr_to_paddr(dst)));
	last = dst;

	/* Xen would accept an empty entry silently. */
	if (!pteval_present(*src))
		panic("remap: the entry at P=V %#lx maps nothing",
		      paddr_x(ptr_to_paddr(src)));

	u->ptr = maddr_x(early_p2m(info, ptr_to_paddr(dst))) |
		 MMU_NORMAL_PT_UPDATE;
	u->val = *src;
}
//! [copy_mapping]

/* How many updates Xen did before it refused one says which one that was. */
//! [flush_batch]
static void flush_batch(void)
{
	unsigned int done = 0;
	long ret = HYPERVISOR_mmu_update(batch, batched, &done, DOMID_SELF);

	if (ret < 0)
		hypercall_must(
			ret,
			"mmu_update, number %u of %u: maddr %#llx := %#llx",
			done + 1, batched, (u64)batch[done].ptr,
			(u64)batch[done].val);
	batched = 0;
}
//! [flush_batch]

//! [remap_kernel_pmd]
static void remap_addr_pmd(const struct start_info *info, unsigned long addr)
{
	pmd_t *src = get_pmd(info, addr);
	pmd_t *dst = get_pmd(info, addr + PAGE_OFFSET);

	copy_mapping(info, &src->pmd, &dst->pmd);
}

static unsigned int remap_kernel_pmd(const struct start_info *info,
				     unsigned long addr, unsigned long max)
{
	unsigned int entries = 0;

	for (; addr < max; addr += PMD_SIZE, entries++)
		remap_addr_pmd(info, addr);
	return entries;
}
//! [remap_kernel_pmd]

//! [remap_kernel_pgd]
static void remap_addr_pgd(const struct start_info *info, unsigned long addr)
{
	pgd_t *pgd = early_pgd(info);

	copy_mapping(info, &pgd[pgd_index(addr)].pgd,
		     &pgd[pgd_index(addr + PAGE_OFFSET)].pgd);
}

static unsigned int remap_kernel_pgd(const struct start_info *info,
				     unsigned long addr, unsigned long max)
{
	unsigned int entries = 0;

	for (; addr < max; addr += PGDIR_SIZE, entries++)
		remap_addr_pgd(info, addr);
	return entries;
}
//! [remap_kernel_pgd]

/*
 * LOAD_OFFSET lies in the last pgd slot, at pud index 510, and the slot is
 * empty. The P=V pud page is shared into it: its entry 0 maps paddr 0, its
 * entry 510 is free. Copying 0 to 510 in that page, and then the pgd entry of
 * P=V to the last slot, maps the text and costs no page.
 */
//! [remap_kernel_text]
static unsigned int remap_kernel_text(const struct start_info *info,
				      unsigned long addr, unsigned long max)
{
	unsigned long in_slot = LOAD_OFFSET % PGDIR_SIZE;
	pgd_t *pgd = early_pgd(info);
	unsigned int entries = 0;

	for (; addr < max; addr += PUD_SIZE, entries++)
		copy_mapping(info, &get_pud(info, addr)->pud,
			     &get_pud(info, addr + in_slot)->pud);
	copy_mapping(info, &pgd[0].pgd, &pgd[pgd_index(LOAD_OFFSET)].pgd);
	return entries;
}
//! [remap_kernel_text]

//! [remap_kernel]
struct remap_count remap_kernel(const struct start_info *info, paddr_t start,
				paddr_t limit)
{
	/* The paddr whose virtual address is the first in the shared slot. */
	unsigned long shared = SHARED_SLOT_START - PAGE_OFFSET;
	unsigned long addr = paddr_x(start);
	unsigned long max = paddr_x(limit);
	struct remap_count count = {};

	if (max > REMAP_MAX)
		panic("remap: limit paddr %#lx is beyond %#lx, the last that has a free virtual address",
		      max, REMAP_MAX);

	count.pgd = remap_kernel_pgd(info, addr, min(max, shared));
	count.pmd = remap_kernel_pmd(info, max(addr, shared), max);
	if (LOAD_OFFSET != PAGE_OFFSET) {
		count.pud = remap_kernel_text(info, addr, image_end());
		count.pgd++;
	}

	flush_batch();
	return count;
}
//! [remap_kernel]
