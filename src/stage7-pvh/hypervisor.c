/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Who is below, and Xen's hypercall page if it is Xen.
 *
 * Called by pvh_entry() first thing, P=V. Compare with stage 2's cpuid.c and
 * hypercall-page.c: the processor itself brings Xen in at CPUID and at WRMSR,
 * so neither takes a prefix; and the MSR takes a paddr, since a guest has no
 * other addresses here.
 *
 * Source: xen/arch-x86/cpuid.h.
 */
#include <cpuid.h>

#include "console.h"
#include "hypercall.h"
#include "pv-memory.h"
#include "pvh.h"

/** Xen's leaves begin here, or a few times 0x100 later: others may be first. */
#define LEAVES_FIRST 0x40000000
#define LEAVES_LAST  0x40010000

bool pvh_on_xen;

/* The first of Xen's leaves, or 0. */
//! [xen_leaves]
static u32 xen_leaves(void)
{
	u32 eax, ebx, ecx, edx;

	for (u32 leaf = LEAVES_FIRST; leaf < LEAVES_LAST; leaf += 0x100) {
		__cpuid(leaf, eax, ebx, ecx, edx);
		if (ebx == XEN_CPUID_SIGNATURE_EBX &&
		    ecx == XEN_CPUID_SIGNATURE_ECX &&
		    edx == XEN_CPUID_SIGNATURE_EDX && eax >= leaf + 2)
			return leaf;
	}
	return 0;
}
//! [xen_leaves]

//! [pvh_find_hypervisor]
void pvh_find_hypervisor(void)
{
	u64 paddr = paddr_x(ptr_to_paddr(hypercall_page));
	u32 leaves = xen_leaves();
	u32 pages, msr, ecx, edx;

	if (!leaves)
		return;
	__cpuid(leaves + 2, pages, msr, ecx, edx);
	asm volatile("wrmsr"
		     :
		     : "c"(msr), "a"((u32)paddr), "d"((u32)(paddr >> 32))
		     : "memory");
	pvh_on_xen = true;
}
//! [pvh_find_hypervisor]
