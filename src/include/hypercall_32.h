/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The hypercall convention of 32-bit guests.
 *
 * Arguments in EBX, ECX, EDX, ESI, EDI; the result in EAX. A debug build of
 * Xen overwrites the argument registers (with 0xdeadf00d) to find callers who
 * count on them: hence "+", read and written.
 *
 * Source: xen/arch-x86/xen-x86_32.h.
 */
#ifndef HYPERCALL_32_H
#define HYPERCALL_32_H

//! [hypercall]
/** Makes hypercall @p nr through the hypercall page. @return as Xen does. */
static inline long hypercall(unsigned int nr, unsigned long a1,
			     unsigned long a2, unsigned long a3,
			     unsigned long a4, unsigned long a5)
{
	long ret;

	asm volatile("call *%%eax"
		     : "=a"(ret), "+b"(a1), "+c"(a2), "+d"(a3), "+S"(a4),
		       "+D"(a5)
		     : "0"(&hypercall_page[nr])
		     : "memory");
	return ret;
}
//! [hypercall]

/** The same by Xen's gate: needs no page, and costs a few cycles more. */
static inline long hypercall_by_gate(unsigned int nr, unsigned long a1,
				     unsigned long a2, unsigned long a3)
{
	long ret;

	asm volatile("int $0x82"
		     : "=a"(ret), "+b"(a1), "+c"(a2), "+d"(a3)
		     : "0"(nr)
		     : "memory");
	return ret;
}

/** A 64-bit argument takes two registers, the low half first. */
#define HYPERCALL_U64(value) \
	(unsigned long)(value), (unsigned long)((value) >> 32)

/** Sets a pte of the current address space. @p va a VA, @p entry a pte value.
 */
static inline long HYPERVISOR_update_va_mapping(vaddr_t va, u64 entry,
						unsigned long flags)
{
	return hypercall(__HYPERVISOR_update_va_mapping, va,
			 HYPERCALL_U64(entry), flags, 0);
}

/** The same, for an entry with an MFN of @p domain's: for dom0 alone. */
static inline long HYPERVISOR_update_va_mapping_otherdomain(vaddr_t va,
							    u64 entry,
							    unsigned long flags,
							    domid_t domain)
{
	return hypercall(__HYPERVISOR_update_va_mapping_otherdomain, va,
			 HYPERCALL_U64(entry), flags, domain);
}

/** Asks for one VIRQ_TIMER at a system time in ns since Xen's boot. */
static inline long HYPERVISOR_set_timer_op(u64 when)
{
	return hypercall(__HYPERVISOR_set_timer_op, HYPERCALL_U64(when), 0, 0,
			 0);
}

/** Tells Xen where events and failed returns enter: VA. */
static inline long HYPERVISOR_set_callbacks(vaddr_t event, vaddr_t failsafe)
{
	return hypercall(__HYPERVISOR_set_callbacks, FLAT_KERNEL_CS, event,
			 FLAT_KERNEL_CS, failsafe, 0);
}

#endif
