/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Exceptions: so far Xen reported each fault, from here on the kernel does.
 *
 * xen_init_traps() is called by xen_start_kernel(); do_trap() by the stubs in
 * entry_32.S and entry_64.S.
 */
#include "console.h"
#include "extable.h"
#include "hypercall.h"
#include "paravirt.h"
#include "traps.h"
#include "xen-ops.h"

/* Bit 2 of trap_info's flags: mask events while the handler runs. */
#define TI_MASK_EVENTS 4

/* Bits 1 and 0 say which ring may raise a trap by INT: for these, only Xen's.
 */
//! [xen_init_traps]
void xen_init_traps(void)
{
	struct trap_info table[NR_TRAPS + 1] = {};

	for (unsigned int vector = 0; vector < NR_TRAPS; vector++) {
		table[vector].vector = vector;
		table[vector].flags = TI_MASK_EVENTS;
		table[vector].cs = FLAT_KERNEL_CS;
		table[vector].address =
			(vaddr_t)(trap_stubs + vector * TRAP_STUB_SIZE);
	}
	/* A vector without a stub would lead into what lies behind them. */
	if (trap_common - trap_stubs != sizeof(trap_stubs))
		panic("trap table: %u vectors, and %lu bytes of stubs, each %u bytes long",
		      NR_TRAPS, (unsigned long)(trap_common - trap_stubs),
		      TRAP_STUB_SIZE);
	/* The last entry is left with address 0: the end. Xen would read on. */
	if (table[ARRAY_SIZE(table) - 1].address)
		panic("trap table: its last entry has an address, and is to end it");
	hypercall_must(HYPERVISOR_set_trap_table(table),
		       "set_trap_table at VA %#lx", (vaddr_t)table);
}
//! [xen_init_traps]

/* Reading CR2 faults into Xen, which answers with the guest's. */
static vaddr_t read_cr2(void)
{
	vaddr_t va;

	asm volatile("mov %%cr2, %0" : "=r"(va));
	return va;
}

/* Kept for identity_map_is_gone(), whose fault is handled without a word. */
volatile unsigned long last_vector;

/* Kept for xen_verify_entries(), likewise. */
volatile bool masked_in_handler;

void do_trap(struct pt_regs *regs)
{
	last_vector = regs->vector;
	if (fixup_exception(regs)) {
		masked_in_handler = events_are_masked();
		return;
	}

	printk("FAULT: vector %lu, error code %#lx, CR2 VA %#lx\n",
	       regs->vector, regs->error_code, read_cr2());
	show_regs(regs);
	paravirt_ops.exit(VERDICT_FAILURE);
}

void xen_failsafe(void)
{
	panic("Xen could not return to the kernel and came to its failsafe callback");
}
