/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Exceptions and one interrupt: a table that the processor reads.
 *
 * Called by pvh_start_kernel(). Compare with stage 4's traps.c, where Xen reads
 * the table. The handler, do_trap(), is the same.
 *
 * Source: Intel SDM volume 3A, chapter 6.10 to 6.14 (interrupt descriptors).
 */
#include "pvh.h"

/** A gate is present, for ring 0, and turns interrupts off. */
#define INTERRUPT_GATE 0x8e00ULL

/* A gate has 8 bytes, on 64 bits 8 more for an address's upper half. */
static u64 idt[PVH_VECTOR + 1][sizeof(long) / 4];

//! [set_gate]
static void set_gate(unsigned int vector, const u8 *handler)
{
	u64 va = (vaddr_t)handler;

	idt[vector][sizeof(long) / 4 - 1] = va >> 32;
	idt[vector][0] = (va & 0xffff) | PVH_CS << 16 | INTERRUPT_GATE << 32 |
			 (va >> 16 & 0xffff) << 48;
}
//! [set_gate]

//! [pvh_init_traps]
void pvh_init_traps(void)
{
	struct table_pointer gdt_pointer = {sizeof(gdt) - 1, (vaddr_t)gdt};
	struct table_pointer idt_pointer = {sizeof(idt) - 1, (vaddr_t)idt};

	for (unsigned int vector = 0; vector < NR_TRAPS; vector++)
		set_gate(vector, pvh_trap_stubs + vector * TRAP_STUB_SIZE);
	set_gate(PVH_VECTOR, pvh_interrupt);

	asm volatile("lgdt %0" : : "m"(gdt_pointer));
	asm volatile("lidt %0" : : "m"(idt_pointer));
}
//! [pvh_init_traps]
