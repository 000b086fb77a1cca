/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The last thing a guest does: tell the host how it went, then go.
 *
 * Ports, by which the host is told, belong to Xen; dom0 may ask. Called at any
 * moment of the boot, so it goes by Xen's gate: that works before there is a
 * hypercall page, too.
 */
#include "console.h"
#include "hypercall.h"

/* Until it finds out, a guest assumes to be dom0: a failure is reported then.
 */
bool first_domain = true;

void exit_without_ports(void)
{
	first_domain = false;
}

/* A ring that may not touch the port would fault, so ask before trying. */
static bool may_use_ports(void)
{
	struct physdev_set_iopl iopl = {.iopl = 1};

	return first_domain &&
	       hypercall_by_gate(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl,
				 HYPERCALL_PTR(&iopl), 0) == 0;
}

/* Dom0's power-off would leave QEMU running, its reboot ends it. */
unsigned int shutdown_reason(enum verdict verdict)
{
	if (verdict != VERDICT_SUCCESS)
		return SHUTDOWN_crash;
	return first_domain ? SHUTDOWN_reboot : SHUTDOWN_poweroff;
}

/** A bit of EFLAGS. Source: Intel SDM volume 1, chapter 3.4.3. */
#define X86_EFLAGS_DF 0x400

/* Compiled code expects string instructions to go upwards, which the head sees
 * to by CLD. It may run for long without one, so that nobody would notice a
 * head that does not: the flag is looked at once, at the end.
 */
static void direction_is_up(void)
{
	unsigned long flags;

	asm volatile("pushf; pop %0" : "=r"(flags));
	if (flags & X86_EFLAGS_DF)
		panic("the direction flag is set: string instructions go downwards, and C expects CLD");
}

void xen_exit(enum verdict verdict)
{
	struct sched_shutdown reason = {.reason = shutdown_reason(verdict)};

	if (verdict == VERDICT_SUCCESS) {
		direction_is_up();
		console_was_selected();
	}
	if (may_use_ports())
		tell_host(verdict);
	for (;;)
		hypercall_by_gate(__HYPERVISOR_sched_op, SCHEDOP_shutdown,
				  HYPERCALL_PTR(&reason), 0);
}
