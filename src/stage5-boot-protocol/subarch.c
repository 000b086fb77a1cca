/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Two boot_params, and what to do with a subarch that is not known here.
 *
 * bad_subarch() is called by the common head, P=V, before any console.
 */
#include "boot.h"
#include "bootparam.h"
#include "console.h"
#include "setup-hypercall.h"

struct boot_params boot_params;

/** What the head's shim fills in for Xen, in place of a boot loader. */
struct boot_params xen_boot_params;

//! [bad_subarch]
void bad_subarch(void)
{
	console_select(current_ring() == 0 ? CONSOLE_SERIAL : CONSOLE_XEN_GATE);
	panic("boot_params: hardware_subarch is %u, and this kernel knows only %s%u (a Xen guest). Stop.",
	      boot_params.hdr.hardware_subarch,
	      sizeof(long) == 4 ? "0 (a PC) and " : "", SUBARCH_XEN);
}
//! [bad_subarch]
