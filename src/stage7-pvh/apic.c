/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The processor's own interrupt controller and its timer: time without Xen.
 *
 * Called by pvh_start_kernel() and pvh-ticks.c where nobody is below. What is a
 * channel and a hypercall under Xen is a page of registers here, in a part of
 * the address space where there is no memory. Every machine that loads PVH
 * kernels has it; the 8259, a PC's old controller, is only told to be quiet.
 *
 * Source: Intel SDM volume 3A, chapter 10 (APIC).
 */
#include "console.h"
#include "pvh.h"
#include "serial.h"

#define APIC_PADDR 0xfee00000

/** @{ Registers: bytes from the page's start. */
#define APIC_EOI	   0x0b0
#define APIC_SPURIOUS	   0x0f0
#define APIC_TIMER	   0x320
#define APIC_INITIAL_COUNT 0x380
#define APIC_DIVIDE	   0x3e0
/** @} */

/** On, and the lowest vector that means nothing was there. */
#define SPURIOUS_ON   0x1ff
#define DIVIDE_BY_ONE 0x0b

/** Ten million cycles of its clock, whose speed nobody tells: 10 ms in QEMU. */
#define CYCLES 10000000

/** @{ The 8259s' mask registers, and all of a controller's lines. */
#define PIC1_MASK 0x21
#define PIC2_MASK 0xa1
#define ALL_LINES 0xff
/** @} */

static volatile u8 *apic; /* VA */

static void apic_write(unsigned int reg, u32 value)
{
	*(volatile u32 *)(apic + reg) = value;
}

static u32 apic_read(unsigned int reg)
{
	return *(volatile u32 *)(apic + reg);
}

//! [apic_init]
void apic_init(void)
{
	outb(ALL_LINES, PIC1_MASK);
	outb(ALL_LINES, PIC2_MASK);

	apic = pvh_map_device(APIC_PADDR);
	apic_write(APIC_SPURIOUS, SPURIOUS_ON);
	apic_write(APIC_DIVIDE, DIVIDE_BY_ONE);
	apic_write(APIC_TIMER, PVH_VECTOR);
}
//! [apic_init]

/* Writing the count starts it; at 0 it raises the vector, once. A controller
 * that is off raises none; QEMU's does all the same.
 */
void apic_one_shot(void)
{
	if (apic_read(APIC_SPURIOUS) != SPURIOUS_ON)
		panic("APIC: it is not on: its spurious register holds %#x, not %#x",
		      apic_read(APIC_SPURIOUS), SPURIOUS_ON);
	apic_write(APIC_INITIAL_COUNT, CYCLES);
}

void apic_acknowledge(void)
{
	apic_write(APIC_EOI, 0);
}
