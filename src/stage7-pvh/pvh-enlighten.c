/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * pvh_start_kernel(): from the jump to start_kernel(), as enlighten.c for PV.
 *
 * Jumped to by pvh_entry(), on init_stack, at the linked address. P=V is still
 * mapped, there is no IDT, and interrupts are off.
 */
#include "console.h"
#include "paravirt.h"
#include "pvh.h"
#include "xen-ops.h"

static const struct paravirt_ops pvh_paravirt_ops = {
	.name = "Xen as PVH",
	.show = pvh_show,
	.exit = native_exit,
};

//! [pvh_start_kernel]
void pvh_start_kernel(void)
{
	printk("stage 7: pvh_start_kernel at VA %#lx, stack at VA %#lx\n",
	       (vaddr_t)pvh_start_kernel, (vaddr_t)__builtin_frame_address(0));

	verify_arrival("pvh_start_kernel", (vaddr_t)pvh_start_kernel,
		       (vaddr_t)__builtin_frame_address(0));

	paravirt_ops = pvh_paravirt_ops;
	if (!pvh_on_xen)
		paravirt_ops.name = "a bare machine";

	pvh_init_traps();
	pvh_all_is_mapped();
	pvh_drop_identity_map();
	identity_map_is_gone();

	if (pvh_on_xen) {
		xen_setup_features();
		pvh_init_events();
	} else {
		apic_init();
	}
	pvh_wait_for_ticks(3);
	stack_holds();

	start_kernel();
}
//! [pvh_start_kernel]
