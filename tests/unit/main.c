/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Runs all unit tests for the one paging mode that this was compiled for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

int main(void)
{
	const char *seed = getenv("UNIT_SEED");
	int failed = 0;

	random_seed = seed ? strtoull(seed, NULL, 0) : 2007;
	printf("---- %s, UNIT_SEED=%llu\n", MODE,
	       (unsigned long long)random_seed);
	fflush(stdout);

	/* A remap that does not end is ended. */
	alarm(60);

	failed += test_model();
	failed += test_p2m();
	failed += test_limit();
	failed += test_remap();
	failed += test_panics();
	return failed ? 1 : 0;
}
