/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What the tests share: cmocka, and panics that can be expected.
 */
#ifndef CHECK_H
#define CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "console.h"
#include "hypercall.h"
#include "machine.h"
#include "pv-memory.h"
#include "remap.h"

/** What the last panic said. */
extern char panic_text[256];

/** @return whether a call panics; then panic_text is what it said */
bool panics(void (*call)(void));

/** Drops the updates that a remap collected before it panicked. */
void forget_batch(void);

/** Fails the test and says why, unless @p what is true. */
#define check(what, ...)                       \
	do {                                   \
		if (!(what))                   \
			fail_msg(__VA_ARGS__); \
	} while (0)

/* expected.c */

/** The page tables as they should be in the end. */
extern u8 expected[MAX_TABLES * PAGE];

/** Works out what a remap of @p start to @p limit must do: fills expected. */
struct remap_count expect_remap(u64 start, u64 limit);
/** Fails unless all tables are as expected. @p what: said then. */
void check_tables(const char *what);
/** Fails unless each page is at P=V and at P=V + @p offset, in its frame. */
void check_pages(const char *what, u64 start, u64 limit, u64 offset);

/** Each runs a group of tests. @return how many failed */
int test_model(void);
int test_p2m(void);
int test_limit(void);
int test_remap(void);
int test_panics(void);

#endif
