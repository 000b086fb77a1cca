/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * PVH: the kernel is entered by one note, and does the rest for itself:
 * stage 7.
 *
 * A PVH guest runs in ring 0 and has page tables of its own, whose entries hold
 * paddrs. A second level of tables, which the guest never sees, translates
 * these to machine addresses.
 */
#ifndef PVH_H
#define PVH_H

/** @{ Selectors of the kernel's own descriptor table (gdt.S). */
#define PVH_CS 0x08
#define PVH_DS 0x10
/** @} */

/** The one interrupt vector that is used: the first behind the exceptions. */
#define PVH_VECTOR 0x20

#ifndef __ASSEMBLER__

#include "pgtable.h"
#include "traps.h"
#include <xen/arch-x86/hvm/start_info.h>

/**
 * What is mapped at PAGE_OFFSET and, until that is dropped, P=V: bytes.
 *
 * It is 1 GiB, but for the last large page, whose VA is for a device.
 */
#define PVH_MAPPED ((1UL << 30) - PMD_SIZE)

/** What LGDT and LIDT load: the last byte's offset, and a VA. */
struct table_pointer {
	u16 limit;
	unsigned long va;
} __attribute__((packed));

/** The kernel's own table of segments (gdt.S). */
extern const u64 gdt[3];

/** Whether Xen is below; set by pvh_find_hypervisor(). */
extern bool pvh_on_xen;

/** hvm_start_info at its linked VA; set by pvh_entry(). */
extern const struct hvm_start_info *pvh_start_info;

/**
 * The kernel, from its first C instruction to the jump. Called by startup_pvh.
 *
 * Runs P=V: without paging on 32 bits, on the head's page tables on 64.
 *
 * @param info hvm_start_info, a paddr
 */
void __attribute__((noreturn)) pvh_entry(const struct hvm_start_info *info);

/** Asks CPUID who is below; if it is Xen, has it fill the hypercall page. */
void pvh_find_hypervisor(void);

/** Picks the console for what is below. Needs the hypercall page, if any. */
void pvh_select_console(const struct hvm_start_info *info);

/** Panics unless @p info is what the note's contract promises. */
void pvh_check_start_info(const struct hvm_start_info *info);

/** The first function at the linked address: makes a kernel of it. */
void __attribute__((noreturn)) pvh_start_kernel(void);

/** Loads the GDT and the IDT, by linked VAs. Faults are then handled. */
void pvh_init_traps(void);

/** @{ In pvh-entry_32.S and _64.S: exceptions 0 to 19, and the interrupt. */
extern const u8 pvh_trap_stubs[NR_TRAPS * TRAP_STUB_SIZE];
extern const u8 pvh_interrupt[];
/** @} */

/** Panics unless PAGE_OFFSET's mapping leads where it should, to its end. */
void pvh_all_is_mapped(void);

/** Takes the P=V mapping away. */
void pvh_drop_identity_map(void);

/** Maps the large page of a device's registers. @return VA of @p paddr */
void *pvh_map_device(u64 paddr);

/** Has Xen's shared page where the kernel expects it, and takes events. */
void pvh_init_events(void);

/** Called by the stub of PVH_VECTOR, with interrupts off. */
void pvh_do_interrupt(void);

/** Waits for @p count interrupts of a timer that it sets itself. */
void pvh_wait_for_ticks(unsigned int count);

/** @{ Without Xen: the processor's timer, one interrupt of it, its arrival. */
void apic_init(void);
void apic_one_shot(void);
void apic_acknowledge(void);
/** @} */

/** Prints the ranges that are memory: of start_info, or of Xen. */
void pvh_show_memory(void);

/** PVH's paravirt_ops::show: what hvm_start_info says. */
void pvh_show(void);

#endif
#endif
