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

void xen_exit(enum verdict verdict)
{
	struct sched_shutdown reason = {.reason = shutdown_reason(verdict)};

	if (verdict == VERDICT_SUCCESS)
		console_was_selected();
	if (may_use_ports())
		tell_host(verdict);
	for (;;)
		hypercall_by_gate(__HYPERVISOR_sched_op, SCHEDOP_shutdown,
				  HYPERCALL_PTR(&reason), 0);
}
