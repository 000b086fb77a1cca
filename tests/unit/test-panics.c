/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * A remap that is impossible: it is reported, and nothing is done by half.
 */
#include "check.h"

static u64 limit;

/*
 * Something to remap, and a page of it to go wrong at; near the end most often,
 * where PAE 2G takes the other road.
 */
static u64 build_and_choose_page(void)
{
	u64 pages = min(MOST_MEMORY, GIB(1) + MIB(64)) / PAGE;

	/* Now and then beyond 1 GiB, if that fits. */
	limit = PAGE * (random_below(4) ? random_size(pages)
					: pages - random_below(MIB(64) / PAGE));
	machine_build(&(struct guest){.memory = limit, .image_end = MIB(2)});
	return limit - random_size(limit / PAGE + 1) * PAGE;
}

static void call_remap(void)
{
	remap_kernel(machine.info, _paddr(0), _paddr(limit));
}

/* Keeps the tables as they are now for the comparison at the end. */
static bool remap_panics(void)
{
	memcpy(expected, machine.memory + machine.pt_base,
	       machine.nr_tables * PAGE);
	return panics(call_remap);
}

static void check_panic(const char *reason)
{
	check(remap_panics(), "no panic: \"%s\", limit %#llx", reason, limit);
	check(strstr(panic_text, reason), "\"%s\" instead of \"%s\"",
	      panic_text, reason);
	check(machine.calls == 0, "an update was tried");
	check_tables(reason);
}

static void a_limit_beyond_the_last(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		machine_build(&(struct guest){.memory = i ? 0 : MOST_MEMORY,
					      .image_end = MIB(2)});
		limit = MOST_MEMORY + PAGE;
		if (i)
			limit += random_size((1ULL << VA_BITS) - limit);
		check_panic("is beyond");
	}
	limit = MOST_MEMORY;
	machine_build(&(struct guest){.memory = limit, .image_end = MIB(2)});
	assert_false(remap_panics());
}

/* Empty, and with all but the present bit: both map nothing. */
static void an_entry_that_maps_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		u64 page = build_and_choose_page();
		entry_t *entry =
			entry_for(page, writable_level(VA_MEMORY + page));

		*entry &= i % 2 ? 0 : ~(entry_t)ENTRY_PRESENT;
		check_panic("maps nothing");
	}
	if (VA_IMAGE == VA_MEMORY)
		return;
	build_and_choose_page();
	*entry_for(0, 3) = 0;
	check_panic("maps nothing");
}

/*
 * The tables that the remap goes through on its way, at either address. Where
 * pgd entries alone are copied there are none, but for the image of x86-64.
 */
static void a_table_that_is_not_ours(void **state)
{
	unsigned int checked = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		u64 page = build_and_choose_page();
		u64 va = i % 2 ? page : VA_MEMORY + page;
		unsigned int level = writable_level(VA_MEMORY + page) + 1;

		if (VA_IMAGE != VA_MEMORY) {
			va = 0;
			level = LEVELS;
		}
		if (level > LEVELS)
			continue;
		*entry_for(va, level) =
			frame_of_stranger(random_below(1024)) * PAGE | 0x67;
		check_panic("leads to no table of this guest");
		checked++;
	}
	if (checked == 0)
		skip();
}

/*
 * An entry of which only Xen can say that it is bad. The panic has to name the
 * update that was refused, and where it was to go.
 */
static void what_xen_refuses(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		u64 page = build_and_choose_page();
		unsigned int level = writable_level(VA_MEMORY + page);
		entry_t *from = entry_for(page, level), *entry, before;
		u64 to, number;
		char words[128];

		/* On x86-64 a stranger in pgd entry 0 is found earlier. */
		if (i % 2 || VA_IMAGE != VA_MEMORY)
			*from |= 0x80;
		else
			*from = frame_of_stranger(i) * PAGE | 0x67;
		entry = entry_for(VA_MEMORY + page, level);
		before = *entry;
		to = (u8 *)entry - machine.memory;
		to = frame_of(to / PAGE) * PAGE + to % PAGE;

		assert_true(remap_panics());
		number = machine.updates + 1;
		snprintf(words, sizeof(words), "maddr %#llx := %#llx: -22", to,
			 (u64)*from);
		check(strstr(panic_text, words), "\"%s\" instead of \"%s\"",
		      panic_text, words);
		snprintf(words, sizeof(words), "number %llu of ", number);
		check(strstr(panic_text, words), "\"%s\" instead of \"%s\"",
		      panic_text, words);
		assert_int_equal(machine.calls, 1);
		assert_int_equal(*entry, before);
	}
}

int test_panics(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_limit_beyond_the_last),
		cmocka_unit_test(an_entry_that_maps_nothing),
		cmocka_unit_test(a_table_that_is_not_ours),
		cmocka_unit_test(what_xen_refuses),
	};

	return cmocka_run_group_tests_name(MODE ": panics", tests, NULL, NULL);
}
