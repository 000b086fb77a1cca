/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Between the assembly that an exception enters and the C that handles it.
 */
#ifndef TRAPS_H
#define TRAPS_H

#include "types.h"

#ifdef CONFIG_X86_64
#include "ptrace_64.h"
#else
#include "ptrace_32.h"
#endif

/** Exceptions that have a stub: 0 to 19. */
#define NR_TRAPS 20

/** Bytes from one stub to the next. */
#define TRAP_STUB_SIZE 16

/** @{ The stubs, in entry_32.S and entry_64.S, and what is behind the last. */
extern const u8 trap_stubs[NR_TRAPS * TRAP_STUB_SIZE];
extern const u8 trap_common[];
/** @} */

/** @{ Where an event enters, and where Xen goes if it cannot return to us. */
extern const u8 xen_hypervisor_callback[], xen_failsafe_callback[];
/** @} */

/** Raises an exception, then waits until an event's handler has changed
 * *@p count, which is @p before now.
 * @return whether the registers have kept what they held */
bool registers_kept(volatile unsigned int *count, unsigned int before);

/** @{ Vectors, as the processor's manuals number them. */
#define PROTECTION_FAULT_VECTOR 13
#define PAGE_FAULT_VECTOR	14
/** @} */

/** The last exception's vector, as its stub has pushed it. */
extern volatile unsigned long last_vector;

/** Whether events were masked while the last one that was meant was handled. */
extern volatile bool masked_in_handler;

/** Called by the stubs for every exception. Returning resumes at regs->ip. */
void do_trap(struct pt_regs *regs);

/** Prints all registers; one file for each width. */
void show_regs(const struct pt_regs *regs);

/** Called by xen_hypervisor_callback: handles what is pending. */
void xen_evtchn_do_upcall(void);

/** Called by xen_failsafe_callback. */
void __attribute__((noreturn)) xen_failsafe(void);

#endif
