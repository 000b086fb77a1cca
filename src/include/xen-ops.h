/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The kernel at its linked address: stage 4. Linux's names throughout.
 *
 * Nothing here may be called P=V, except what says so.
 */
#ifndef XEN_OPS_H
#define XEN_OPS_H

#include "address.h"
#include "xen-interface.h"

/** Xen's start_info at its linked VA; set just before the jump. */
extern struct start_info *xen_start_info;

/** The p2m at its linked VA: indexed by PFN, gives MFNs. */
extern unsigned long *phys_to_machine_mapping;

/** The page that Xen shares: events, and the time. A VA. */
extern struct shared_info *HYPERVISOR_shared_info;

/** The stack from the jump on: one region of two pages. */
extern u8 init_stack[THREAD_SIZE];

/** VA of pseudo-physical memory, in the kernel's mapping of all memory. */
static inline void *__va(paddr_t address)
{
	return (void *)(paddr_x(address) + PAGE_OFFSET);
}

/** The inverse of @ref __va; not for addresses inside a 64-bit image. */
static inline paddr_t __pa(const void *va)
{
	return _paddr((vaddr_t)va - PAGE_OFFSET);
}

/** The paddr of something inside the image. */
static inline paddr_t __pa_symbol(const void *va)
{
	return _paddr((vaddr_t)va - LOAD_OFFSET);
}

/**
 * The VA at this offset from P=V of something inside the image, for code that
 * runs P=V.
 *
 * A compiler may add the offset to the symbol before the processor has worked
 * out the symbol's P=V address, and then the sum does not fit the 32 bits that
 * a 64-bit instruction has for it. The asm, which is empty, makes it add last.
 */
static inline vaddr_t shifted_va(const void *symbol, vaddr_t offset)
{
	vaddr_t va = (vaddr_t)symbol;

	asm("" : "+r"(va));
	return va + offset;
}

/** The linked VA of something inside the image, for code that runs P=V. */
static inline vaddr_t linked_va(const void *symbol)
{
	return shifted_va(symbol, LOAD_OFFSET);
}

/** The machine address of pseudo-physical memory, by the p2m. */
maddr_t phys_to_machine(paddr_t address);

/**
 * Makes start_info's pointers into the linked mapping out of P=V ones.
 *
 * Runs P=V, after the remap. Machine addresses in start_info stay as they are.
 */
void repoint_start_info(struct start_info *info);

/**
 * Loads the stack pointer and jumps; nothing of the caller survives.
 *
 * Runs P=V. @p code and @p stack_top are linked VAs, mapped by the remap.
 */
void __attribute__((noreturn)) jump_to(vaddr_t code, vaddr_t stack_top);

/** The first function at the linked address: makes a kernel of it. */
void __attribute__((noreturn)) xen_start_kernel(void);

/**
 * Panics unless a jump has led to linked code, on init_stack.
 *
 * @param name  of the function that was jumped to
 * @param code  where it runs: VA
 * @param frame its frame: VA
 */
void verify_arrival(const char *name, vaddr_t code, vaddr_t frame);

/** Panics if a call went so deep that it reached init_stack's lower end. */
void stack_holds(void);

/** Asks which features Xen has. */
void xen_setup_features(void);

/** @return whether Xen has a feature, XENFEAT_ of xen/features.h */
bool xen_feature(unsigned int feature);

/** Registers a handler for every exception, which reports it from here on. */
void xen_init_traps(void);

/**
 * Reads a word that may not be mapped.
 *
 * @param va where
 * @param[out] value what was there
 * @return false if the read faulted
 */
bool probe_kernel_read(vaddr_t va, unsigned long *value);

/** Takes the P=V mapping away. */
void xen_drop_identity_map(void);

/** Shows that VA 0, which P=V had, is mapped no more: by reading it. Panics if
 * it can be read, or if the fault came by another vector's stub. Needs a trap
 * table. */
void identity_map_is_gone(void);

/** Maps the shared info page and starts taking events. */
void xen_init_events(void);

/** Keeps Xen from calling back, or lets it. */
void mask_events(bool masked);

/** Whether it is kept from that now. */
bool events_are_masked(void);

/** Panics if events are masked. @p when names the moment, for the message. */
void events_are_on(const char *when);

/**
 * Waits, with events masked, for one of @p ports or until a time in ns.
 *
 * @return whether there was an event at one of them
 */
bool wait_for_ports(evtchn_port_t *ports, unsigned int count, u64 until);

/** What is called for an event at a port, with further events masked. */
typedef void (*event_handler_t)(evtchn_port_t port);

/**
 * Binds a virtual interrupt to a channel.
 *
 * @param virq VIRQ_ of xen/xen.h
 * @param handler for its events; NULL if it is enough that they wake
 * @return its port, unmasked
 */
evtchn_port_t bind_virq(unsigned int virq, event_handler_t handler);

/** Raises an event at the other end of the channel at @p port. */
void notify_remote(evtchn_port_t port);

/** @return Xen's clock: nanoseconds since its boot */
u64 system_time(void);

/** Panics if tick @p number, asked for at @p start (ns, by system_time()) and
 * for @p length ns later, is here before half of that time has passed. */
void tick_took_time(unsigned int number, u64 start, u64 length);

/** Waits for @p count timer interrupts that it asks for itself. */
void xen_wait_for_ticks(unsigned int count);

/** How many timer interrupts there were so far. */
extern volatile unsigned int timer_ticks;

/** Panics if code that is interrupted by an exception or an event notices. */
void xen_verify_entries(void);

/** Xen's paravirt_ops::show: what Xen has told this domain. */
void xen_show(void);

#endif
