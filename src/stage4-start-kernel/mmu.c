/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The end of P=V.
 *
 * Called by xen_start_kernel(), at the linked address and with a trap table:
 * whatever still holds a P=V address faults from here on, and the fault names
 * it. A null pointer does, too: page 0 was an ordinary page until now.
 */
#include "console.h"
#include "hypercall.h"
#include "pgtable.h"
#include "xen-ops.h"

/* Empties one pgd entry; the tables below it stay, for the linked mapping. */
static void clear_pgd_entry(pgd_t *entry)
{
	maddr_t maddr = phys_to_machine(__pa(entry));
	struct mmu_update u = {
		.ptr = maddr_x(maddr) | MMU_NORMAL_PT_UPDATE,
		.val = 0,
	};

	hypercall_must(HYPERVISOR_mmu_update(&u, 1, NULL, DOMID_SELF),
		       "mmu_update, maddr %#llx := 0", (u64)u.ptr);
}

/* Xen need not: nothing was freed. But the processor may remember. */
static void flush_tlb(void)
{
	struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

	hypercall_must(HYPERVISOR_mmuext_op(&op, 1, NULL, DOMID_SELF),
		       "mmuext_op(MMUEXT_TLB_FLUSH_LOCAL)");
}

/* P=V has all pgd entries below the linked mapping, or below Xen's. */
//! [xen_drop_identity_map]
void xen_drop_identity_map(void)
{
	pgd_t *pgd = (pgd_t *)xen_start_info->pt_base;
	unsigned int end =
		min(pgd_index(PAGE_OFFSET), pgd_index(XEN_VIRT_START));
	unsigned long word;

	for (unsigned int i = 0; i < end; i++)
		if (pteval_present(pgd[i].pgd))
			clear_pgd_entry(&pgd[i]);
	flush_tlb();

	if (probe_kernel_read(0, &word))
		panic("P=V is still mapped: VA 0 reads %#lx", word);
	printk("  P=V dropped: a read at VA 0 faults now, and was caught\n");
}
//! [xen_drop_identity_map]
