/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What entry_32.S and entry_64.S have in common.
 */
#ifndef ENTRY_H
#define ENTRY_H

#include <xen/xen.h>

/**
 * The way back from an exception or event: the iret hypercall, through its
 * stub. A plain IRET would leave events masked, since only Xen sees to it that
 * the IF bit in the frame becomes the virtual processor's event mask again.
 */
#define hypercall_iret (hypercall_page + __HYPERVISOR_iret * 32)

/** Bit n: exception n has an error code. 8, 10 to 14 and 17 do. */
#define HAS_ERROR_CODE 0x27d00

#endif
