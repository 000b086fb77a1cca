/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The proof that code does not notice when it is interrupted.
 *
 * Called by xen_start_kernel() once events are on. An exception or an event may
 * come between any two instructions. A way in or out that loses a register does
 * harm only where that register was in use, far from itself, and so does a
 * frame that is put over somebody's variables. Here both come while everything
 * holds a known number.
 */
#include "console.h"
#include "hypercall.h"
#include "traps.h"
#include "xen-ops.h"

#define NS_TO_EVENT 10000000 /* 10 ms */

static void ask_for_event(void)
{
	hypercall_must(HYPERVISOR_set_timer_op(system_time() + NS_TO_EVENT),
		       "set_timer_op");
}

/* A function that calls none may keep its variables below the stack pointer, by
 * the ABI of 64 bits. Xen knows nothing of that, and puts its frame there:
 * hence -mno-red-zone.
 */
static bool __attribute__((noinline)) variables_kept(unsigned int before)
{
	volatile unsigned long mine[] = {1, 2, 3, 4};

	while (timer_ticks == before)
		;
	return mine[0] == 1 && mine[1] == 2 && mine[2] == 3 && mine[3] == 4;
}

/** A selector that is beyond Xen's GDT. */
#define NO_SELECTOR 0xfff8

/* Where Xen pushes an error code, a stub may not push one more: the frame would
 * be a word off. The page fault has shown that for its vector; this shows it
 * for another one, the general protection fault.
 */
static void protection_fault_returns(void)
{
	asm volatile("1:	mov %0, %%es\n"
		     "2:\n"
		     "	.pushsection __ex_table, \"a\"\n"
		     "	.balign 4\n"
		     "	.long 1b - ., 2b - .\n"
		     "	.popsection"
		     :
		     : "r"(NO_SELECTOR));
	if (last_vector != PROTECTION_FAULT_VECTOR)
		panic("traps: a selector that is in no table led to vector %lu",
		      last_vector);
}

/* First the exception alone: if it and the event exchange the same registers,
 * the two together undo it. An event that comes too early ends the wait, too.
 */
//! [xen_verify_entries]
void xen_verify_entries(void)
{
	unsigned int before = timer_ticks;

	if (!registers_kept(&timer_ticks, before - 1))
		panic("entries: an exception has changed a register");
	if (!masked_in_handler)
		panic("traps: events are on while an exception is handled");
	protection_fault_returns();
	ask_for_event();
	if (!registers_kept(&timer_ticks, before))
		panic("entries: an exception or an event has changed a register");

	before = timer_ticks;
	ask_for_event();
	if (!variables_kept(before))
		panic("entries: an event has changed a variable of the function that it interrupted");
}
//! [xen_verify_entries]
