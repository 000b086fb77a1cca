/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Event channels of a PVH guest: the same bits, brought by an interrupt.
 *
 * Called by pvh_start_kernel() on Xen. Compare with stage 4's events.c. There
 * Xen's page got a virtual address, by a pte with its maddr. Here it gets a
 * paddr: that of a page of ours, which is given away for it. And Xen does not
 * call a function, it raises a vector, so masking is the processor's again: the
 * interrupt flag.
 *
 * Source: xen/memory.h; xen/hvm/params.h, HVM_PARAM_CALLBACK_IRQ.
 */
#include "console.h"
#include "hypercall.h"
#include "pvh.h"
#include "xen-ops.h"

//! [place_shared_info]
static void place_shared_info(void)
{
	pfn_t pfn = paddr_to_pfn(__pa_symbol(HYPERVISOR_shared_info));
	struct xen_add_to_physmap map = {.domid = DOMID_SELF,
					 .space = XENMAPSPACE_shared_info,
					 .gpfn = pfn_x(pfn)};

	hypercall_must(
		HYPERVISOR_memory_op(XENMEM_add_to_physmap, &map),
		"memory_op(XENMEM_add_to_physmap), shared_info at PFN %#lx",
		pfn_x(pfn));
}
//! [place_shared_info]

//! [pvh_init_events]
void pvh_init_events(void)
{
	struct xen_hvm_param param = {
		.domid = DOMID_SELF,
		.index = HVM_PARAM_CALLBACK_IRQ,
		.value = (u64)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | PVH_VECTOR,
	};

	if (!xen_feature(XENFEAT_hvm_callback_vector))
		panic("events: this Xen cannot bring them by a vector");
	place_shared_info();
	hypercall_must(HYPERVISOR_hvm_op(HVMOP_set_param, &param),
		       "hvm_op(HVMOP_set_param), CALLBACK_IRQ: vector %#x",
		       PVH_VECTOR);
}
//! [pvh_init_events]
