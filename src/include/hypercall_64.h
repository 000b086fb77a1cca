/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The hypercall convention of 64-bit guests.
 *
 * Arguments in RDI, RSI, RDX, R10, R8; the result in RAX. SYSCALL takes RCX
 * and R11 for itself, and a debug build of Xen overwrites the argument
 * registers: hence "+", read and written.
 *
 * Source: xen/arch-x86/xen-x86_64.h.
 */
#ifndef HYPERCALL_64_H
#define HYPERCALL_64_H

//! [hypercall]
/** Makes hypercall @p nr through the hypercall page. @return as Xen does. */
static inline long hypercall(unsigned int nr, unsigned long a1,
			     unsigned long a2, unsigned long a3,
			     unsigned long a4, unsigned long a5)
{
	register unsigned long r10 asm("r10") = a4;
	register unsigned long r8 asm("r8") = a5;
	long ret;

	asm volatile("call *%%rax"
		     : "=a"(ret), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10),
		       "+r"(r8)
		     : "0"(&hypercall_page[nr])
		     : "rcx", "r11", "memory");
	return ret;
}
//! [hypercall]

/** The same by SYSCALL: needs no page. */
static inline long hypercall_by_gate(unsigned int nr, unsigned long a1,
				     unsigned long a2, unsigned long a3)
{
	long ret;

	asm volatile("syscall"
		     : "=a"(ret), "+D"(a1), "+S"(a2), "+d"(a3)
		     : "0"((unsigned long)nr)
		     : "rcx", "r8", "r9", "r10", "r11", "memory");
	return ret;
}

/** Sets a pte of the current address space. @p va a VA, @p entry a pte value.
 */
static inline long HYPERVISOR_update_va_mapping(vaddr_t va, u64 entry,
						unsigned long flags)
{
	return hypercall(__HYPERVISOR_update_va_mapping, va, entry, flags, 0,
			 0);
}

/** The same, for an entry with an MFN of @p domain's: for dom0 alone. */
static inline long HYPERVISOR_update_va_mapping_otherdomain(vaddr_t va,
							    u64 entry,
							    unsigned long flags,
							    domid_t domain)
{
	return hypercall(__HYPERVISOR_update_va_mapping_otherdomain, va, entry,
			 flags, domain, 0);
}

/** Asks for one VIRQ_TIMER at a system time in ns since Xen's boot. */
static inline long HYPERVISOR_set_timer_op(u64 when)
{
	return hypercall(__HYPERVISOR_set_timer_op, when, 0, 0, 0, 0);
}

/** Tells Xen where events and failed returns enter: VA. There is no syscall
 * entry. */
static inline long HYPERVISOR_set_callbacks(vaddr_t event, vaddr_t failsafe)
{
	return hypercall(__HYPERVISOR_set_callbacks, event, failsafe, 0, 0, 0);
}

#endif
