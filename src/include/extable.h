/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Instructions that are allowed to fault, and where to go on if they do.
 */
#ifndef EXTABLE_H
#define EXTABLE_H

#include "traps.h"

/**
 * Looks the faulting instruction up in the table and moves regs->ip.
 *
 * @return false if this instruction was not supposed to fault
 */
bool fixup_exception(struct pt_regs *regs);

#endif
