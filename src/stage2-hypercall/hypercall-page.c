/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The hypercall page, set up the way an image without addresses has to.
 *
 * Called first thing by xen_entry(), P=V. Afterwards hypercalls work, and
 * with them the console.
 */
#include "address.h"
#include "console.h"
#include "hypercall.h"
#include "setup-hypercall.h"

struct hypercall_entry
	hypercall_page[PAGE_SIZE / sizeof(struct hypercall_entry)]
	__attribute__((aligned(PAGE_SIZE), section(".bss.page_aligned")));

/* The MSR takes a machine address, and only of a page that may be written. */
//! [hypercall_page_maddr]
static maddr_t hypercall_page_maddr(const struct start_info *info)
{
	const unsigned long *mfn_list = (const unsigned long *)info->mfn_list;
	pfn_t pfn = paddr_to_pfn(_paddr((unsigned long)hypercall_page));

	return mfn_to_maddr(_mfn(mfn_list[pfn_x(pfn)]));
}
//! [hypercall_page_maddr]

/*
 * WRMSR is privileged. Outside ring 0 it faults into Xen, which knows this
 * number and writes the stubs into the page. A bad address is a general
 * protection fault here.
 */
static void write_msr(u32 msr, u64 value)
{
	asm volatile("wrmsr"
		     :
		     : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32))
		     : "memory");
}

//! [setup_hypercall_page]
void setup_hypercall_page(const struct start_info *info)
{
	struct cpuid_leaf signature;

	if (current_ring() == 0)
		not_under_xen(NULL);
	if (!cpuid_is_xen(&signature))
		not_under_xen(&signature);

	write_msr(cpuid_xen_msr_base(), maddr_x(hypercall_page_maddr(info)));
	verify_hypercall_page();
	console_select(CONSOLE_XEN);
	if (!(info->flags & SIF_INITDOMAIN)) {
		exit_without_ports();
		console_select_ring(info);
	}
}
//! [setup_hypercall_page]
