/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * xen_start_kernel(): from the jump to start_kernel().
 *
 * Jumped to by xen_entry(), on init_stack, at the linked address. P=V is still
 * mapped, there is no trap table, and events are masked. When it calls
 * start_kernel(), P=V is gone, and traps and events are handled.
 */
#include "console.h"
#include "paravirt.h"
#include "xen-ops.h"

struct paravirt_ops paravirt_ops;

static const struct paravirt_ops xen_paravirt_ops = {
	.name = "Xen",
	.show = xen_show,
	.exit = xen_exit,
};

//! [xen_start_kernel]
void xen_start_kernel(void)
{
	printk("stage 4: xen_start_kernel at VA %#lx, stack at VA %#lx\n",
	       (vaddr_t)xen_start_kernel, (vaddr_t)__builtin_frame_address(0));
	verify_arrival("xen_start_kernel", (vaddr_t)xen_start_kernel,
		       (vaddr_t)__builtin_frame_address(0));

	paravirt_ops = xen_paravirt_ops;
	phys_to_machine_mapping = (unsigned long *)xen_start_info->mfn_list;
	xen_setup_features();

	xen_init_traps();
	xen_drop_identity_map();
	identity_map_is_gone();

	xen_init_events();
	xen_wait_for_ticks(3);
	xen_verify_entries();
	stack_holds();

	start_kernel();
}
//! [xen_start_kernel]
