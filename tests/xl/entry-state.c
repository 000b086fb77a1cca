/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * A guest that tells what it finds at its start, in words that do not depend on
 * the machine: PFNs in place of MFNs. Stage 3 with this in place of early.c.
 *
 * tests/xl compares what two toolstacks make of it: Debian's xl, and stage 6.
 */
#include "console.h"
#include "early.h"
#include "pv-memory.h"
#include "remap.h"
#include "setup-hypercall.h"

static unsigned long pfn_of(const struct start_info *info, unsigned long mfn)
{
	return pfn_x(early_m2p(info, _mfn(mfn)));
}

static void show_info(const struct start_info *info)
{
	printk("start_info: magic %s\n", info->magic);
	printk("start_info: nr_pages %#lx\n", info->nr_pages);
	printk("start_info: shared_info %s\n",
	       info->shared_info & ~PAGE_MASK ? "not a page" : "a page");
	printk("start_info: flags %#x\n", info->flags);
	printk("start_info: store_mfn PFN %#lx\n",
	       pfn_of(info, info->store_mfn));
	printk("start_info: store_evtchn %u\n", info->store_evtchn);
	printk("start_info: console.domU PFN %#lx\n",
	       pfn_of(info, info->console.domU.mfn));
	printk("start_info: console.domU.evtchn %u\n",
	       info->console.domU.evtchn);
	printk("start_info: pt_base P=V %#lx\n", info->pt_base);
	printk("start_info: nr_pt_frames %lu\n", info->nr_pt_frames);
	printk("start_info: mfn_list P=V %#lx\n", info->mfn_list);
	printk("start_info: mod_start %#lx\n", info->mod_start);
	printk("start_info: mod_len %lu\n", info->mod_len);
	printk("start_info: cmd_line \"%s\"\n", (char *)info->cmd_line);
	printk("start_info: first_p2m_pfn %#lx\n", info->first_p2m_pfn);
	printk("start_info: nr_p2m_frames %lu\n", info->nr_p2m_frames);
	printk("place: start_info P=V %#lx\n", (vaddr_t)info);
	printk("place: stack page P=V %#lx\n",
	       (vaddr_t)__builtin_frame_address(0) & PAGE_MASK);
}

/* The pte of a P=V address: 0 if nothing leads to one. */
static pteval_t pte_of(const struct start_info *info, vaddr_t va)
{
	pmd_t *pmd = get_pmd(info, va);
	pte_t *table;

	if (!pteval_present(pmd->pmd))
		return 0;
	table = paddr_to_ptr(
		pfn_to_paddr(early_m2p(info, pteval_mfn(pmd->pmd))));
	return table[pte_index(va)].pte;
}

static const char *rights(pteval_t pte)
{
	if (!pteval_present(pte))
		return "not mapped";
	return pte & _PAGE_RW ? "writable" : "read-only";
}

/* Ranges of pages with the same rights, up to the first that is not mapped. */
static void show_rights(const struct start_info *info)
{
	unsigned long first = 0;

	for (unsigned long pfn = 1; pfn < info->nr_pages; pfn++) {
		pteval_t pte = pte_of(info, pfn << PAGE_SHIFT);
		const char *before = rights(pte_of(info, first << PAGE_SHIFT));

		if (rights(pte)[0] == before[0])
			continue;
		printk("rights: PFN %#lx to %#lx %s\n", first, pfn - 1, before);
		if (!pteval_present(pte))
			return;
		first = pfn;
	}
}

void xen_entry(struct start_info *info)
{
	setup_hypercall_page(info);
	show_info(info);
	show_rights(info);
	xen_exit(VERDICT_SUCCESS);
}
