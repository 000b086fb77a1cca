/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The end of a run in ring 0, with no hypervisor below that could end it.
 *
 * Called by panic() there, and by the native kernel of stage 5. Stage 7, where
 * Xen may be below ring 0, has a file of its own in place of this one.
 */
#include "console.h"

void native_exit(enum verdict verdict)
{
	tell_host(verdict);
	for (;;)
		asm volatile("cli; hlt");
}
