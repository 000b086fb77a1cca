/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Three ticks: of Xen's timer for the virtual processor, or of its own.
 *
 * Called by pvh_start_kernel(). Both timers are asked for one interrupt at a
 * time, some ms ahead, and both come by the same vector.
 */
#include "console.h"
#include "hypercall.h"
#include "pvh.h"
#include "xen-ops.h"

/* 50 ms. If QEMU emulates the processor's virtualization, some 7 ms pass from
 * an event to the kernel's next look at the clock: an early tick still shows.
 */
#define NS_PER_TICK 50000000

static volatile unsigned int ticks;

static void count_tick(evtchn_port_t port)
{
	(void)port;
	ticks++;
}

void pvh_do_interrupt(void)
{
	if (pvh_on_xen) {
		xen_evtchn_do_upcall();
	} else {
		apic_acknowledge();
		ticks++;
	}
}

static void ask_for_tick(void)
{
	if (pvh_on_xen)
		hypercall_must(
			HYPERVISOR_set_timer_op(system_time() + NS_PER_TICK),
			"set_timer_op");
	else
		apic_one_shot();
}

/* STI takes effect one instruction later, so nothing comes before the HLT that
 * is there to wait for it.
 */
//! [wait_for_tick]
static void wait_for_tick(unsigned int number)
{
	unsigned int wakes = 0;

	ask_for_tick();
	while (ticks < number) {
		if (++wakes > 1000)
			panic("timer: woken %u times, and tick %u has not come",
			      wakes, number);
		asm volatile("sti; hlt; cli" : : : "memory");
	}
}
//! [wait_for_tick]

void pvh_wait_for_ticks(unsigned int count)
{
	if (pvh_on_xen) {
		hypercall_must(
			HYPERVISOR_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL),
			"vcpu_op(VCPUOP_stop_periodic_timer)");
		bind_virq(VIRQ_TIMER, count_tick);
	}
	for (unsigned int number = 1; number <= count; number++) {
		u64 start = pvh_on_xen ? system_time() : 0;

		wait_for_tick(number);
		if (pvh_on_xen)
			tick_took_time(number, start, NS_PER_TICK);
		printk("  tick %u\n", number);
	}
	if (ticks != count)
		panic("timer: %u ticks came, and %u were waited for", ticks,
		      count);
}
