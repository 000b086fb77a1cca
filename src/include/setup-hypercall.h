/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Getting a hypercall page without an address in the notes: stage 2.
 */
#ifndef SETUP_HYPERCALL_H
#define SETUP_HYPERCALL_H

#include "types.h"
#include "xen-interface.h"

/** What CPUID leaves in the four registers. */
struct cpuid_leaf {
	u32 eax, ebx, ecx, edx;
};

/**
 * Asks whether Xen answers CPUID leaf 0x40000000.
 *
 * Must not run in ring 0: there, Xen's prefix is an ordinary undefined
 * instruction, with nobody to catch it.
 *
 * @param[out] signature the leaf: its name in EBX, ECX, EDX, the last
 *             hypervisor leaf in EAX
 * @return true if the name is XenVMMXenVMM and leaf 0x40000002 exists
 */
bool cpuid_is_xen(struct cpuid_leaf *signature);

/** @return the first of Xen's MSRs: writing it sets the hypercall page */
u32 cpuid_xen_msr_base(void);

/**
 * Has Xen fill hypercall_page, and selects the console behind it.
 *
 * Runs P=V, before any hypercall. Does not return if this is not Xen.
 *
 * @param info start_info, P=V
 */
void setup_hypercall_page(const struct start_info *info);

/**
 * Makes one hypercall through the page and by Xen's gate; panics if they
 * differ.
 *
 * Runs P=V, once the page is filled. What it prints goes by the gate.
 */
void verify_hypercall_page(void);

/**
 * Has printk() write into the ring that this domain shares with dom0.
 *
 * Runs P=V, once hypercalls work. Not for dom0: it has no such ring.
 *
 * @param info start_info, P=V
 */
void console_select_ring(const struct start_info *info);

/**
 * Says that this machine is not Xen's, by a way that works there, and stops.
 *
 * @param signature what CPUID named instead, NULL if it was not asked
 */
void __attribute__((noreturn))
not_under_xen(const struct cpuid_leaf *signature);

/** @return the privilege ring that the processor is in: 0 is no Xen guest */
static inline unsigned int current_ring(void)
{
	unsigned long cs;

	asm("mov %%cs, %0" : "=r"(cs));
	return cs & 3;
}

#endif
