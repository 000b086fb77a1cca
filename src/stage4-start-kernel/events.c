/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Event channels: what a paravirtual kernel has for interrupts.
 *
 * Xen sets a bit for a channel ("port") in the shared info page and calls the
 * kernel back, once, until it has looked. Three bits stand before a callback:
 * the port's own mask, a selector that says which word of pending bits to
 * look at, and a mask for the whole virtual processor, its interrupt flag.
 *
 * xen_init_events() is called by xen_start_kernel(); afterwards Xen enters at
 * xen_hypervisor_callback. Source: xen/xen.h, struct vcpu_info.
 */
#include "console.h"
#include "hypercall.h"
#include "pgtable.h"
#include "traps.h"
#include "xen-ops.h"

#define BITS_PER_LONG (8 * sizeof(long))

/* By port. Xen hands out the lowest free one, and a stage binds a few. */
static event_handler_t handlers[16];

/* A page of ours, only to have a virtual address: Xen's page goes there. */
static u8 shared_info_page[PAGE_SIZE]
	__attribute__((aligned(PAGE_SIZE), section(".bss.page_aligned")));

struct shared_info *HYPERVISOR_shared_info =
	(struct shared_info *)shared_info_page;

/* start_info names the page by its machine address: the pte needs just that. */
//! [map_shared_info]
static void map_shared_info(void)
{
	vaddr_t va = (vaddr_t)shared_info_page;
	u64 entry = xen_start_info->shared_info | _PAGE_PRESENT | _PAGE_RW;

	hypercall_must(HYPERVISOR_update_va_mapping(va, entry, UVMF_INVLPG),
		       "update_va_mapping, VA %#lx := %#llx", va, entry);
}
//! [map_shared_info]

/* The virtual processor's interrupt flag. Events that came while it was masked
 * are delivered on the way back from the next hypercall.
 */
void mask_events(bool masked)
{
	volatile struct vcpu_info *vcpu = &HYPERVISOR_shared_info->vcpu_info[0];

	vcpu->evtchn_upcall_mask = masked;
}

bool events_are_masked(void)
{
	return HYPERVISOR_shared_info->vcpu_info[0].evtchn_upcall_mask;
}

void events_are_on(const char *when)
{
	if (events_are_masked())
		panic("events: masked %s", when);
}

/* How often Xen has called back. */
static unsigned int upcalls;

/* Xen does not know the callback yet. But its code lies right behind that of
 * the exceptions: if their last jump is missing, each runs on into it, and
 * is handled all the same.
 */
static void no_upcall_yet(void)
{
	if (upcalls)
		panic("events: xen_hypervisor_callback has run %u times, and Xen does not know it yet",
		      upcalls);
}

//! [xen_init_events]
void xen_init_events(void)
{
	no_upcall_yet();
	map_shared_info();
	hypercall_must(
		HYPERVISOR_set_callbacks((vaddr_t)xen_hypervisor_callback,
					 (vaddr_t)xen_failsafe_callback),
		"set_callbacks, VA %#lx", (vaddr_t)xen_hypervisor_callback);
	mask_events(false);
	events_are_on("at the end of xen_init_events()");
}
//! [xen_init_events]

evtchn_port_t bind_virq(unsigned int virq, event_handler_t handler)
{
	struct evtchn_bind_virq bind = {.virq = virq, .vcpu = 0};
	struct evtchn_unmask unmask;

	hypercall_must(HYPERVISOR_event_channel_op(EVTCHNOP_bind_virq, &bind),
		       "event_channel_op(EVTCHNOP_bind_virq), virq %u", virq);
	if (bind.port >= ARRAY_SIZE(handlers))
		panic("virq %u: port %u, and there are handlers for %u", virq,
		      bind.port, (u32)ARRAY_SIZE(handlers));
	handlers[bind.port] = handler;
	unmask.port = bind.port;
	hypercall_must(HYPERVISOR_event_channel_op(EVTCHNOP_unmask, &unmask),
		       "event_channel_op(EVTCHNOP_unmask), port %u", bind.port);
	return bind.port;
}

void notify_remote(evtchn_port_t port)
{
	struct evtchn_send send = {.port = port};

	hypercall_must(HYPERVISOR_event_channel_op(EVTCHNOP_send, &send),
		       "event_channel_op(EVTCHNOP_send), port %u", port);
}

/* XCHG with memory is atomic: Xen may be setting bits at the same time. */
static unsigned long take_all(unsigned long *word)
{
	return __atomic_exchange_n(word, 0, __ATOMIC_SEQ_CST);
}

static void handle_event(evtchn_port_t port)
{
	if (port < ARRAY_SIZE(handlers) && handlers[port])
		handlers[port](port);
}

static void handle_word(struct shared_info *shared, unsigned int word)
{
	unsigned long pending = take_all(&shared->evtchn_pending[word]) &
				~shared->evtchn_mask[word];

	for (; pending; pending &= pending - 1)
		handle_event(word * BITS_PER_LONG + __builtin_ctzl(pending));
}

/* The pending flag goes first: an event after it causes another upcall. */
//! [xen_evtchn_do_upcall]
void xen_evtchn_do_upcall(void)
{
	struct shared_info *shared = HYPERVISOR_shared_info;
	struct vcpu_info *vcpu = &shared->vcpu_info[0];
	unsigned long words;

	upcalls++;
	vcpu->evtchn_upcall_pending = 0;
	words = take_all(&vcpu->evtchn_pending_sel);
	for (; words; words &= words - 1)
		handle_word(shared, __builtin_ctzl(words));
}
//! [xen_evtchn_do_upcall]
