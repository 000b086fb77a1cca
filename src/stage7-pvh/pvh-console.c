/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Which of stage 2's consoles a PVH kernel has.
 *
 * Called by pvh_entry(), P=V. The serial port belongs to what runs on the bare
 * machine: us, or Xen. A domU has a ring. start_info named it to a PV
 * guest; here Xen keeps it among the domain's parameters.
 */
#include "console.h"
#include "hypercall.h"
#include "pvh.h"

static u64 parameter(u32 index)
{
	struct xen_hvm_param param = {.domid = DOMID_SELF, .index = index};

	hypercall_must(HYPERVISOR_hvm_op(HVMOP_get_param, &param),
		       "hvm_op(HVMOP_get_param), index %u", index);
	return param.value;
}

/* Without a ring, a debug build of Xen still prints what a domU says. */
static void find_ring(void)
{
	pfn_t pfn = _pfn(parameter(HVM_PARAM_CONSOLE_PFN));

	if (!pfn_x(pfn))
		return;
	ring_paddr = paddr_x(pfn_to_paddr(pfn));
	ring_port = parameter(HVM_PARAM_CONSOLE_EVTCHN);
	console_select(CONSOLE_RING);
	if (ring_port == parameter(HVM_PARAM_STORE_EVTCHN))
		panic("console: port %u is that of xenstore, too, and each has its own",
		      ring_port);
	if (!parameter(HVM_PARAM_STORE_PFN))
		panic("xenstore: HVM_PARAM_STORE_PFN names no page, and a domU has one for it");
}

//! [pvh_select_console]
void pvh_select_console(const struct hvm_start_info *info)
{
	console_select(pvh_on_xen ? CONSOLE_XEN : CONSOLE_SERIAL);
	if (pvh_on_xen && !(info->flags & SIF_INITDOMAIN)) {
		exit_without_ports();
		find_ring();
	}
}
//! [pvh_select_console]
