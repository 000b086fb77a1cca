/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * How the host learns of a verdict.
 *
 * QEMU exits with status 0 whether the guest succeeded, crashed or took Xen
 * down with it, and text can be printed by anybody. So the verdict goes to a
 * test device, which tools/machine adds: a decimal number v and a `q`, written
 * to its port, make QEMU exit with status 2v + 1. It does so before the
 * guest's next instruction, so the first verdict counts. (isa-debug-exit, which
 * is better known and takes v as one byte, lets the guest run on for a while
 * since QEMU 10.)
 *
 * Called last by whoever ends a run and may touch the port.
 */
#include "console.h"
#include "serial.h"

#define TEST_DEVICE_PORT 0xf4

/* A verdict has two digits. */
void tell_host(enum verdict verdict)
{
	outb('0' + verdict / 10, TEST_DEVICE_PORT);
	outb('0' + verdict % 10, TEST_DEVICE_PORT);
	outb('q', TEST_DEVICE_PORT);
}
