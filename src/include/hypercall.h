/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Hypercalls: the page they go through and the ones this kernel makes.
 *
 * The hypercall page is a page of the guest's that Xen fills with 128 stubs of
 * 32 bytes, one per hypercall, each doing whatever enters Xen fastest on this
 * machine. A call to hypercall number n is a call to stub n.
 *
 * Every function here returns what Xen returned: 0 or a count for success, a
 * negated number of xen/errno.h for a refusal. Pass it to hypercall_must(),
 * unless a refusal is something the caller can live with.
 *
 * Source: xen/xen.h and the header of each operation.
 */
#ifndef HYPERCALL_H
#define HYPERCALL_H

#include "address.h"
#include "xen-interface.h"

/** One stub of the hypercall page. */
struct hypercall_entry {
	char _entry[32];
};

/** The page, in .bss until setup_hypercall_page() has Xen fill it. */
extern struct hypercall_entry
	hypercall_page[PAGE_SIZE / sizeof(struct hypercall_entry)];

#ifdef CONFIG_X86_64
#include "hypercall_64.h"
#else
#include "hypercall_32.h"
#endif

/** A pointer as an argument: Xen reads guest memory by VA. */
#define HYPERCALL_PTR(ptr) ((unsigned long)(ptr))

/** Writes @p count bytes at VA @p text to Xen's console. */
static inline long HYPERVISOR_console_io(int count, const char *text)
{
	return hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, count,
			 HYPERCALL_PTR(text), 0, 0);
}

/** Applies @p count page-table updates; @p done receives how many were. */
static inline long HYPERVISOR_mmu_update(const struct mmu_update *updates,
					 unsigned int count, unsigned int *done,
					 domid_t domain)
{
	return hypercall(__HYPERVISOR_mmu_update, HYPERCALL_PTR(updates), count,
			 HYPERCALL_PTR(done), domain, 0);
}

/** Does @p count extended MMU operations: TLB flushes, pinning and the like. */
static inline long HYPERVISOR_mmuext_op(const struct mmuext_op *ops,
					unsigned int count, unsigned int *done,
					domid_t domain)
{
	return hypercall(__HYPERVISOR_mmuext_op, HYPERCALL_PTR(ops), count,
			 HYPERCALL_PTR(done), domain, 0);
}

/** Registers exception handlers; the table ends with an address of 0. */
static inline long HYPERVISOR_set_trap_table(const struct trap_info *table)
{
	return hypercall(__HYPERVISOR_set_trap_table, HYPERCALL_PTR(table), 0,
			 0, 0, 0);
}

/** Yields, blocks or shuts down. @p op a SCHEDOP_ number. */
static inline long HYPERVISOR_sched_op(int op, const void *arg)
{
	return hypercall(__HYPERVISOR_sched_op, op, HYPERCALL_PTR(arg), 0, 0,
			 0);
}

/** Asks for versions, features, limits. @p op a XENVER_ number. */
static inline long HYPERVISOR_xen_version(int op, void *arg)
{
	return hypercall(__HYPERVISOR_xen_version, op, HYPERCALL_PTR(arg), 0, 0,
			 0);
}

/** Binds, unmasks and sends event channels. @p op an EVTCHNOP_ number. */
static inline long HYPERVISOR_event_channel_op(int op, void *arg)
{
	return hypercall(__HYPERVISOR_event_channel_op, op, HYPERCALL_PTR(arg),
			 0, 0, 0);
}

/** Controls one virtual processor. @p op a VCPUOP_ number. */
static inline long HYPERVISOR_vcpu_op(int op, int vcpu, const void *arg)
{
	return hypercall(__HYPERVISOR_vcpu_op, op, vcpu, HYPERCALL_PTR(arg), 0,
			 0);
}

/** Asks about memory, or for it. @p op a XENMEM_ number. */
static inline long HYPERVISOR_memory_op(int op, void *arg)
{
	return hypercall(__HYPERVISOR_memory_op, op, HYPERCALL_PTR(arg), 0, 0,
			 0);
}

/** Gets or sets a parameter of an HVM or PVH domain. @p op an HVMOP_ number. */
static inline long HYPERVISOR_hvm_op(int op, void *arg)
{
	return hypercall(__HYPERVISOR_hvm_op, op, HYPERCALL_PTR(arg), 0, 0, 0);
}

/** Asks for rights over the physical machine. @p op a PHYSDEVOP_ number. */
static inline long HYPERVISOR_physdev_op(int op, void *arg)
{
	return hypercall(__HYPERVISOR_physdev_op, op, HYPERCALL_PTR(arg), 0, 0,
			 0);
}

#endif
