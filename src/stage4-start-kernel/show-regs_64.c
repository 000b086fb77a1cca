/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The registers of a 64-bit kernel in print. Called by do_trap().
 */
#include "console.h"
#include "traps.h"

void show_regs(const struct pt_regs *regs)
{
	printk("  RIP VA %#lx  CS %04lx  RFLAGS %#lx  RSP VA %#lx\n", regs->ip,
	       regs->cs & 0xffff, regs->flags, regs->sp);
	printk("  RAX %016lx  RBX %016lx  RCX %016lx  RDX %016lx\n", regs->ax,
	       regs->bx, regs->cx, regs->dx);
	printk("  RSI %016lx  RDI %016lx  RBP %016lx  R8  %016lx\n", regs->si,
	       regs->di, regs->bp, regs->r8);
	printk("  R9  %016lx  R10 %016lx  R11 %016lx  R12 %016lx\n", regs->r9,
	       regs->r10, regs->r11, regs->r12);
	printk("  R13 %016lx  R14 %016lx  R15 %016lx\n", regs->r13, regs->r14,
	       regs->r15);
}
