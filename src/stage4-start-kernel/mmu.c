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
#include "traps.h"
#include "xen-ops.h"

/* Empties pgd entries; the tables below them stay, for the linked mapping. */
static void apply(struct mmu_update *updates, unsigned int count)
{
	unsigned int done = 0;
	long ret = HYPERVISOR_mmu_update(updates, count, &done, DOMID_SELF);

	hypercall_must(ret, "mmu_update, after %u of %u pgd entries", done,
		       count);
}

/* Xen does not flush: nothing was freed. The TLB may have P=V still. */
static void flush_tlb(void)
{
	struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};
	unsigned int done = 0;

	hypercall_must(HYPERVISOR_mmuext_op(&op, 1, &done, DOMID_SELF),
		       "mmuext_op(MMUEXT_TLB_FLUSH_LOCAL)");
	if (done != 1)
		panic("mmuext_op(MMUEXT_TLB_FLUSH_LOCAL): Xen did %u of 1 operation",
		      done);
}

/* P=V has all pgd entries below the linked mapping, or below Xen's. */
//! [xen_drop_identity_map]
static void clear_pgd_entries(pgd_t *pgd, unsigned int end)
{
	struct mmu_update batch[16];
	unsigned int used = 0;

	for (unsigned int i = 0; i < end; i++) {
		if (!pteval_present(pgd[i].pgd))
			continue;
		batch[used].ptr = maddr_x(phys_to_machine(__pa(&pgd[i]))) |
				  MMU_NORMAL_PT_UPDATE;
		batch[used].val = 0;
		if (++used == ARRAY_SIZE(batch)) {
			apply(batch, used);
			used = 0;
		}
	}
	apply(batch, used);
}

/* That Xen took the updates does not say that they were the right ones. */
static void are_cleared(const pgd_t *pgd, unsigned int end)
{
	for (unsigned int i = 0; i < end; i++)
		if (pteval_present(pgd[i].pgd))
			panic("P=V is still mapped: pgd[%u] is %#llx", i,
			      (u64)pgd[i].pgd);
}

void xen_drop_identity_map(void)
{
	pgd_t *pgd = (pgd_t *)xen_start_info->pt_base;
	unsigned int end =
		min(pgd_index(PAGE_OFFSET), pgd_index(XEN_VIRT_START));

	clear_pgd_entries(pgd, end);
	flush_tlb();
	are_cleared(pgd, end);
}

/* A function of its own, so that a kernel that never drops P=V fails, too.
 * pvh_start_kernel() calls it as well. A probe that always fails would prove
 * nothing, so first it has to succeed, on the stack.
 */
void identity_map_is_gone(void)
{
	unsigned long word;

	if (!probe_kernel_read((vaddr_t)&word, &word))
		panic("probe: VA %#lx, on the stack, counts as not mapped",
		      (vaddr_t)&word);
	if (probe_kernel_read(0, &word))
		panic("P=V is still mapped: VA 0 reads %#lx", word);
	/* fixup_exception() goes by the address alone: any stub would do. */
	if (last_vector != PAGE_FAULT_VECTOR)
		panic("traps: the page fault at VA 0 came by the stub of vector %lu",
		      last_vector);
	printk("  P=V dropped: a read at VA 0 faults now, and was caught\n");
}
//! [xen_drop_identity_map]
