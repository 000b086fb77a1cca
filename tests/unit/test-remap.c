/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * remap.c, by property: what must be true after every remap whatever its limit.
 *
 * - Each page below the limit is found in the same frame at both addresses,
 *   and each page of the image at its own.
 * - Nothing else has changed: every entry of every table is what it should be.
 * - It took the least possible number of updates, in one hypercall.
 * - What remap_kernel() says that it did is what it did.
 */
#include "check.h"

/* As a test's last words need: which guest, which remap. */
static char what[128];

static struct guest guest_of(u64 limit, u64 image_end)
{
	return (struct guest){.memory = limit,
			      .image_end = image_end,
			      .dom0 = random_below(2),
			      .empty_slots = random_below(2)};
}

static void remap_and_check(const struct guest *guest, u64 start, u64 limit)
{
	struct remap_count least, count;

	machine_build(guest);
	snprintf(what, sizeof(what),
		 "remap paddr %#llx to %#llx, image to %#llx, %s%s", start,
		 limit, guest->image_end, guest->dom0 ? "dom0" : "domU",
		 guest->empty_slots ? ", empty slots" : "");
	least = expect_remap(start, limit);

	count = remap_kernel(machine.info, _paddr(start), _paddr(limit));

	check(count.pgd == least.pgd && count.pud == least.pud &&
		      count.pmd == least.pmd,
	      "%s: says %u pgd, %u pud, %u pmd; least is %u, %u, %u", what,
	      count.pgd, count.pud, count.pmd, least.pgd, least.pud, least.pmd);
	check(machine.updates == least.pgd + least.pud + least.pmd,
	      "%s: %u updates", what, machine.updates);
	check(machine.calls == 1, "%s: %u hypercalls", what, machine.calls);
	check_tables(what);
	check_pages(what, start, limit, VA_MEMORY);
	if (VA_IMAGE != VA_MEMORY)
		check_pages(what, 0, machine.image_end, VA_IMAGE);
}

static void remap_to(u64 limit, u64 image_end)
{
	struct guest guest = guest_of(limit, image_end);

	remap_and_check(&guest, 0, limit);
}

static void edge_limits(void **state)
{
	const u64 limits[] = {
		0,
		PAGE,
		MIB(2) - PAGE,
		MIB(2),
		MIB(2) + PAGE,
		MIB(4) - PAGE,
		MIB(4),
		MIB(4) + PAGE,
		GIB(1) - PAGE,
		GIB(1),
		GIB(1) + PAGE,
		MOST_MEMORY - REACH(2),
		MOST_MEMORY - PAGE,
		MOST_MEMORY,
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(limits); i++)
		if (limits[i] <= MOST_MEMORY)
			remap_to(limits[i], MIB(2));
}

/* Where the image has an address of its own, its end matters by itself. */
static void edge_images(void **state)
{
	const u64 ends[] = {
		MIB(1) + 1, MIB(2), GIB(1) - 1, GIB(1), GIB(1) + 1, GIB(2),
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(ends); i++)
		if (VA_IMAGE != VA_MEMORY || ends[i] < MIB(64))
			remap_to(MIB(64), ends[i]);
}

static void random_limits(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		remap_to(random_size(MOST_MEMORY / PAGE + 1) * PAGE,
			 MIB(1) + random_size(MIB(16)));
}

/* The start may be any that a pgd entry begins at. */
static void random_starts(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		u64 limit = random_size(MOST_MEMORY / PAGE + 1) * PAGE;
		u64 start =
			random_below(limit / REACH(LEVELS) + 1) * REACH(LEVELS);
		struct guest guest = guest_of(limit, MIB(2));

		remap_and_check(&guest, start, limit);
	}
}

int test_remap(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edge_limits),
		cmocka_unit_test(edge_images),
		cmocka_unit_test(random_limits),
		cmocka_unit_test(random_starts),
	};

	return cmocka_run_group_tests_name(MODE ": remap", tests, NULL, NULL);
}
