/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Stage 6's code that reads what a stranger wrote, on this machine: images,
 * archives, and the two rings. What it may not do, the sanitizers see.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "toolstack.h"

/** What the last panic said, and all that printk() said since silence(). */
extern char panic_text[256], said[1 << 16];
void silence(void);

/** Where map_foreign() was last told to map a page. */
extern void *mapped;

/** @return whether a call panics */
bool panics(void (*call)(void));

/** A number below @p end; always the same ones, one after the other. */
u64 random_below(u64 end);

/** Each runs a group of tests. @return how many failed */
int test_images(void);
int test_rings(void);

/** A copy of a file of the tree's, or of what @p make made of it, exactly as
 * long: no byte behind it may be read. */
struct file copy_of(const u8 *start, unsigned long size);

#endif
