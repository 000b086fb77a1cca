/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The registers of a 32-bit kernel in print. Called by do_trap().
 */
#include "console.h"
#include "traps.h"

void show_regs(const struct pt_regs *regs)
{
	/* Same ring, so no stack pointer was pushed: it is where the frame
	 * ends. */
	printk("  EIP VA %#lx  CS %04lx  EFLAGS %#lx  ESP VA %#lx\n", regs->ip,
	       regs->cs & 0xffff, regs->flags, (unsigned long)(regs + 1));
	printk("  EAX %08lx  EBX %08lx  ECX %08lx  EDX %08lx\n", regs->ax,
	       regs->bx, regs->cx, regs->dx);
	printk("  ESI %08lx  EDI %08lx  EBP %08lx\n", regs->si, regs->di,
	       regs->bp);
}
