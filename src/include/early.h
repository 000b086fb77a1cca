/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The entry from assembly, one per stage: each stage's early.c defines it.
 */
#ifndef EARLY_H
#define EARLY_H

#include "xen-interface.h"

/**
 * The stage, from its first C instruction to its end.
 *
 * Runs P=V: a symbol's address is its pseudo-physical one, because all code
 * here is position independent; what the linker computed is not mapped.
 *
 * @param info Xen's start_info, a P=V address
 */
void __attribute__((noreturn)) xen_entry(struct start_info *info);

#endif
