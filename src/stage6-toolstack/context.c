/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The registers that the guest begins with.
 *
 * Called by build_guest() last. The struct is that of the guest's width. Xen
 * takes cr3 only if it names a page that is, or can become, a top-level table.
 *
 * Source: xen/arch-x86/xen.h, struct vcpu_guest_context.
 */
#include "string.h"
#include "toolstack.h"

#define EFLAGS_IF (1 << 9)

/* Byte 1 of Xen's shared page, in both widths: evtchn_upcall_mask of vcpu 0. */
#define UPCALL_MASK 1

static u8 shared_page[PAGE_SIZE]
	__attribute__((aligned(PAGE_SIZE), section(".bss.page_aligned")));

//! [mask_guest_events]
void mask_guest_events(const struct guest *guest)
{
	map_foreign(shared_page, guest->id, shared_info_mfn(guest));
	shared_page[UPCALL_MASK] = 1;
	unmap_foreign(shared_page);
}
//! [mask_guest_events]

/* r is e or r: eip in one width, rip in the other. */
//! [registers]
#define REGISTERS(context, of, width, r)                                     \
	do {                                                                 \
		(context)->user_regs.r##ip = (of)->image.entry;              \
		(context)->user_regs.r##sp = guest_va(of, (of)->stack + 1);  \
		(context)->user_regs.r##si = guest_va(of, (of)->start_info); \
		(context)->user_regs.r##flags = EFLAGS_IF;                   \
		(context)->user_regs.cs = FLAT_KERNEL_CS_##width;            \
		(context)->user_regs.ds = FLAT_KERNEL_DS_##width;            \
		(context)->user_regs.es = FLAT_KERNEL_DS_##width;            \
		(context)->user_regs.fs = FLAT_KERNEL_DS_##width;            \
		(context)->user_regs.gs = FLAT_KERNEL_DS_##width;            \
		(context)->user_regs.ss = FLAT_KERNEL_SS_##width;            \
		(context)->kernel_ss = FLAT_KERNEL_SS_##width;               \
		(context)->kernel_sp = (context)->user_regs.r##sp;           \
		(context)->flags =                                           \
			VGCF_in_kernel_##width | VGCF_online_##width;        \
	} while (0)
//! [registers]

/* A 32-bit cr3 has no room for a machine address above 4 GiB, so Xen has the
 * MFN's upper bits folded into the lowest: xen_pfn_to_cr3.
 */
//! [set_context]
void set_context(const struct guest *guest)
{
	static union {
		struct vcpu_guest_context_x86_32 x32;
		struct vcpu_guest_context_x86_64 x64;
	} context;
	unsigned long top = mfn_x(guest_mfn(guest, guest->tables));
	struct xen_domctl op = {};

	memset(&context, 0, sizeof(context));
	if (guest->image.bits == 64) {
		REGISTERS(&context.x64, guest, X86_64, r);
		context.x64.ctrlreg[3] = xen_pfn_to_cr3_x86_64((u64)top);
	} else {
		REGISTERS(&context.x32, guest, X86_32, e);
		context.x32.ctrlreg[3] = xen_pfn_to_cr3_x86_32(top);
	}
	op.u.vcpucontext.ctxt.p = (void *)&context;
	hypercall_must(domctl(&op, XEN_DOMCTL_setvcpucontext, guest->id),
		       "domctl(setvcpucontext), cr3 of MFN %#lx", top);
	printk("toolstack: vcpu 0 begins at VA %#llx, stack VA %#llx, cr3 of MFN %#lx\n",
	       guest->image.entry, guest_va(guest, guest->stack + 1), top);
}
//! [set_context]
