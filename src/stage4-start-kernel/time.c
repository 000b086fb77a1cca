/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Time, and three ticks of it: the proof that events arrive.
 *
 * Called by xen_start_kernel() once events are on. Xen publishes in the shared
 * info page what its clock said at some tick of the processor's counter, and
 * how fast that counts; the rest is arithmetic.
 *
 * Source: xen/xen.h, struct vcpu_time_info.
 */
#include "console.h"
#include "hypercall.h"
#include "xen-ops.h"

#define NS_PER_TICK 10000000 /* 10 ms */

volatile unsigned int timer_ticks;

static u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

/* (cycles * mul) >> 32 in pieces that a 32-bit processor can multiply. */
static u64 cycles_to_ns(u64 cycles, u32 mul, s8 shift)
{
	cycles = shift < 0 ? cycles >> -shift : cycles << shift;
	return (cycles >> 32) * mul + ((u64)(u32)cycles * mul >> 32);
}

/* An odd version means that Xen is writing; a new one, that it has written. */
//! [system_time]
u64 system_time(void)
{
	volatile struct vcpu_time_info *time =
		&HYPERVISOR_shared_info->vcpu_info[0].time;
	u32 version;
	u64 ns;

	do {
		version = time->version;
		ns = time->system_time +
		     cycles_to_ns(rdtsc() - time->tsc_timestamp,
				  time->tsc_to_system_mul, time->tsc_shift);
	} while ((version & 1) || version != time->version);
	return ns;
}
//! [system_time]

static void timer_interrupt(evtchn_port_t port)
{
	(void)port;
	timer_ticks++;
}

/* Blocking returns for any event, so it takes a loop; the loop has an end.
 * A tick between the look at the count and the sleep would be missed, so events
 * are masked there: blocking unmasks them and sleeps in one step.
 */
static void wait_for_tick(unsigned int number)
{
	u64 until = system_time() + NS_PER_TICK;
	unsigned int wakes = 0;

	hypercall_must(HYPERVISOR_set_timer_op(until), "set_timer_op");
	for (;;) {
		mask_events(true);
		if (timer_ticks >= number)
			break;
		if (++wakes > 1000)
			panic("timer: woken %u times, and tick %u has not come",
			      wakes, number);
		if (!events_are_masked())
			panic("timer: events are on before SCHEDOP_block, and a tick that comes now is slept through");
		hypercall_must(HYPERVISOR_sched_op(SCHEDOP_block, NULL),
			       "sched_op(SCHEDOP_block)");
		events_are_on("after SCHEDOP_block, which unmasks them");
	}
	mask_events(false);
	events_are_on("after mask_events(false)");
}

/* Rounding may cost some ns, but never half a tick. */
void tick_took_time(unsigned int number, u64 start, u64 length)
{
	u64 now = system_time();

	if (now < start + length / 2)
		panic("timer: tick %u came at %#llx ns, and was asked for at %#llx",
		      number, now, start + length);
}

/* A clock that is ahead of Xen's only makes each sleep longer, which nobody
 * here would notice. So an event is asked for at the present time: Xen sends it
 * before the hypercall returns.
 */
static void clock_is_not_ahead(void)
{
	unsigned int before = timer_ticks;
	u64 now = system_time();

	hypercall_must(HYPERVISOR_set_timer_op(now), "set_timer_op");
	if (timer_ticks == before)
		panic("timer: system_time() gives %#llx ns, and Xen's clock is not there yet",
		      now);
}

/* Xen's periodic timer would send five events in this time. A wait may end
 * before its time without an event, hence the loop.
 */
static void nobody_ticks(evtchn_port_t port)
{
	u64 until = system_time() + 5 * NS_PER_TICK;

	mask_events(true);
	while (system_time() < until)
		if (wait_for_ports(&port, 1, until))
			panic("timer: an event came that nobody has asked for: Xen's periodic timer still runs");
	mask_events(false);
}

/* Xen ticks at 100 Hz unasked, which would prove nothing: that stops first.
 */
//! [xen_wait_for_ticks]
void xen_wait_for_ticks(unsigned int count)
{
	hypercall_must(HYPERVISOR_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL),
		       "vcpu_op(VCPUOP_stop_periodic_timer)");
	nobody_ticks(bind_virq(VIRQ_TIMER, timer_interrupt));

	for (unsigned int number = 1; number <= count; number++) {
		u64 start = system_time();

		wait_for_tick(number);
		tick_took_time(number, start, NS_PER_TICK);
		printk("  tick %u\n", number);
	}
	if (timer_ticks != count)
		panic("timer: %u ticks came, and %u were waited for",
		      timer_ticks, count);
	clock_is_not_ahead();
}
//! [xen_wait_for_ticks]
