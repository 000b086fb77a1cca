/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The end of a run in ring 0, in place of stage 2's exit-native.c.
 *
 * Called by panic(), do_trap() and start_kernel(). A PVH guest has ring 0 and
 * Xen below it; only dom0's ports are the machine's.
 */
#include "hypercall.h"
#include "pvh.h"
#include "console.h"

void native_exit(enum verdict verdict)
{
	struct sched_shutdown reason = {.reason = shutdown_reason(verdict)};

	if (first_domain)
		tell_host(verdict);
	while (pvh_on_xen)
		HYPERVISOR_sched_op(SCHEDOP_shutdown, &reason);
	for (;;)
		asm volatile("cli; hlt");
}
