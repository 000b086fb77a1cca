/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Is this Xen, and where is its MSR? CPUID's hypervisor leaves say so.
 *
 * Called by setup_hypercall_page(), P=V, before anything can be printed.
 */
#include "setup-hypercall.h"
#include "xen-interface.h"

/**
 * CPUID as Xen wants a guest to see it.
 *
 * A paravirtual guest's CPUID is not intercepted: plain CPUID asks the real
 * processor (under QEMU it answers "TCGTCGTCGTCG"). An undefined instruction
 * followed by the bytes "xen" is Xen's forced-emulation prefix: the fault
 * lands in Xen, which sees the prefix and answers the CPUID behind it.
 *
 * Volatile, since the compiler must neither drop nor merge what traps.
 * Source: XEN_CPUID in xen/arch-x86/xen.h.
 */
//! [early_cpuid]
static struct cpuid_leaf early_cpuid(u32 leaf)
{
	struct cpuid_leaf regs = {.eax = leaf};

	asm volatile(XEN_CPUID
		     : "+a"(regs.eax), "=b"(regs.ebx), "+c"(regs.ecx),
		       "=d"(regs.edx));
	return regs;
}
//! [early_cpuid]

bool cpuid_is_xen(struct cpuid_leaf *signature)
{
	*signature = early_cpuid(XEN_CPUID_LEAF(0));

	return signature->ebx == XEN_CPUID_SIGNATURE_EBX &&
	       signature->ecx == XEN_CPUID_SIGNATURE_ECX &&
	       signature->edx == XEN_CPUID_SIGNATURE_EDX &&
	       signature->eax >= XEN_CPUID_LEAF(2);
}

u32 cpuid_xen_msr_base(void)
{
	return early_cpuid(XEN_CPUID_LEAF(2)).ebx;
}
