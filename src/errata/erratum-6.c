/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Erratum 6: BUG() prints nothing. Replaces not-under-xen.c, and also cpuid.c
 * to set the scene.
 *
 * **The patch** called BUG() wherever something was not as it had to be: CPUID
 * does not name Xen, an update was refused. BUG() is an undefined instruction;
 * the handler of that exception prints the reason. But this is before the trap
 * table, so there is no handler.
 *
 * **The scene:** CPUID without Xen's prefix. It asks the processor instead of
 * Xen, who then seems not to be there.
 *
 * **What one sees:** the kernel prints nothing. Xen reports an undefined
 * instruction at an address; which of all BUG()s that is, and why, is left to
 * the reader to find out.
 *
 * **Fixed:** panic() prints first, by Xen's gate, which works before anything
 * has been set up.
 */
#include "setup-hypercall.h"
#include "xen-interface.h"

#undef XEN_CPUID
#define XEN_CPUID "cpuid"
#include "../stage2-hypercall/cpuid.c"

#define BUG() __builtin_trap() /* ud2 */

void not_under_xen(const struct cpuid_leaf *signature)
{
	(void)signature;
	BUG();
}
