/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What to do when the entry contract does not hold: say so, and stop.
 *
 * The patch had BUG() here. With no trap table that is an undefined
 * instruction that prints nothing. This prints the reason, by whatever works:
 * in ring 0 the machine is ours and the serial port can be driven directly;
 * elsewhere Xen's gate is tried, the one way to print under a Xen whose CPUID
 * was not asked with the prefix.
 *
 * Called by setup_hypercall_page(), P=V, before the hypercall page exists.
 */
#include "console.h"
#include "setup-hypercall.h"
#include "string.h"

static void __attribute__((noreturn)) not_under_xen_ring0(void)
{
	console_select(CONSOLE_SERIAL);
	printk("not under Xen: running in ring 0, where no Xen guest runs. Stop.\n");
	native_exit(VERDICT_FAILURE);
}

void not_under_xen(const struct cpuid_leaf *signature)
{
	char name[13] = "";

	if (!signature)
		not_under_xen_ring0();

	memcpy(name + 0, &signature->ebx, 4);
	memcpy(name + 4, &signature->ecx, 4);
	memcpy(name + 8, &signature->edx, 4);
	console_select(CONSOLE_XEN_GATE);
	panic("not under Xen: CPUID leaf 0x40000000 names \"%s\" instead of XenVMMXenVMM. Stop.",
	      name);
}
