/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The last thing a guest does: tell the host how it went, then go.
 *
 * QEMU exits with status 0 whether the guest succeeded, crashed or took Xen
 * down with it, and text can be printed by anybody. So the verdict goes to a
 * test device, which tools/machine adds: a decimal number v and a `q`, written
 * to its port, make QEMU exit with status 2v + 1. It does so before the
 * guest's next instruction, so the first verdict counts. (isa-debug-exit, which
 * is better known and takes v as one byte, lets the guest run on for a while
 * since QEMU 10.) Ports belong to Xen; dom0 may ask.
 *
 * Called at any moment of the boot, so it goes by Xen's gate: that works
 * before there is a hypercall page, too.
 */
#include "console.h"
#include "hypercall.h"
#include "serial.h"

#define TEST_DEVICE_PORT 0xf4

static bool first_domain = true;

/* A verdict has two digits. */
static void tell_host(enum verdict verdict)
{
	outb('0' + verdict / 10, TEST_DEVICE_PORT);
	outb('0' + verdict % 10, TEST_DEVICE_PORT);
	outb('q', TEST_DEVICE_PORT);
}

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
static unsigned int shutdown_reason(enum verdict verdict)
{
	if (verdict != VERDICT_SUCCESS)
		return SHUTDOWN_crash;
	return first_domain ? SHUTDOWN_reboot : SHUTDOWN_poweroff;
}

void xen_exit(enum verdict verdict)
{
	struct sched_shutdown reason = {.reason = shutdown_reason(verdict)};

	if (may_use_ports())
		tell_host(verdict);
	for (;;)
		hypercall_by_gate(__HYPERVISOR_sched_op, SCHEDOP_shutdown,
				  HYPERCALL_PTR(&reason), 0);
}

void native_exit(enum verdict verdict)
{
	tell_host(verdict);
	for (;;)
		asm volatile("cli; hlt");
}
