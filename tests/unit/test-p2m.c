/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * p2m.c and walk.c: from one kind of address to another, and down the tables.
 */
#include "check.h"

static int build(void **state)
{
	(void)state;
	machine_build(&(struct guest){.memory = random_size(MIB(64)),
				      .image_end = MIB(2)});
	return 0;
}

static void p2m_keeps_the_offset(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		u64 paddr = random_below(machine.nr_pages * PAGE);
		u64 maddr = maddr_x(early_p2m(machine.info, _paddr(paddr)));

		assert_int_equal(maddr / PAGE, frame_of(paddr / PAGE));
		assert_int_equal(maddr % PAGE, paddr % PAGE);
	}
}

/* MFNs of 20 bits and more, where entries have room for them. */
static void p2m_reaches_above_4_gib(void **state)
{
	bool above = false;

	(void)state;
	for (u64 pfn = 0; pfn < machine.nr_pages; pfn++)
		above |= maddr_x(early_p2m(machine.info, _paddr(pfn * PAGE))) >=
			 GIB(4);
	assert_int_equal(above, sizeof(entry_t) == 8);
}

static void m2p_knows_our_pages(void **state)
{
	(void)state;
	for (u64 pfn = 0; pfn < machine.nr_pages; pfn++)
		assert_int_equal(
			pfn_x(early_m2p(machine.info, _mfn(frame_of(pfn)))),
			pfn);
}

/* The m2p says all kinds of things about them, plausible ones too. */
static void m2p_knows_no_strangers(void **state)
{
	(void)state;
	for (u64 pfn = 0; pfn < machine.nr_pages; pfn++) {
		u64 mfn = frame_of_stranger(pfn);

		assert_int_equal(pfn_x(early_m2p(machine.info, _mfn(mfn))),
				 INVALID_PFN);
	}
}

/* The p2m ends with the last page: what stands behind it is something else. */
static void m2p_does_not_look_beyond_the_p2m(void **state)
{
	unsigned long *p2m =
		(unsigned long *)(machine.memory + machine.info->mfn_list);
	u64 mfn = frame_of_stranger(0);

	(void)state;
	p2m[machine.nr_pages] = mfn;
	machine.m2p[mfn] = machine.nr_pages;
	assert_int_equal(pfn_x(early_m2p(machine.info, _mfn(mfn))),
			 INVALID_PFN);
}

static void walk_finds_the_entries(void **state)
{
	(void)state;
	assert_ptr_equal(early_pgd(machine.info), entry_for(0, LEVELS));
	for (int i = 0; i < 1000; i++) {
		u64 va = random_below(machine.mapped);

		assert_ptr_equal(get_pud(machine.info, va),
				 entry_for(va, LEVELS == 4 ? 3 : LEVELS));
		assert_ptr_equal(get_pmd(machine.info, va), entry_for(va, 2));
	}
}

static void call_walk(void)
{
	get_pmd(machine.info, 0);
}

/* A table that is missing, or a stranger's, at each level above the ptes. */
static void walk_does_not_leave_the_guest(void **state)
{
	(void)state;
	for (unsigned int level = LEVELS; level > 2; level--) {
		entry_t *entry = entry_for(0, level), before = *entry;

		*entry = 0;
		assert_true(panics(call_walk));
		*entry = before & ~(entry_t)ENTRY_PRESENT;
		assert_true(panics(call_walk));
		for (u64 pfn = 0; pfn < 5; pfn++) {
			*entry = frame_of_stranger(pfn) * PAGE | before % PAGE;
			assert_true(panics(call_walk));
			assert_non_null(strstr(panic_text, "of this guest"));
		}
		*entry = before;
		assert_false(panics(call_walk));
	}
}

int test_p2m(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(p2m_keeps_the_offset, build),
		cmocka_unit_test_setup(p2m_reaches_above_4_gib, build),
		cmocka_unit_test_setup(m2p_knows_our_pages, build),
		cmocka_unit_test_setup(m2p_knows_no_strangers, build),
		cmocka_unit_test_setup(m2p_does_not_look_beyond_the_p2m, build),
		cmocka_unit_test_setup(walk_finds_the_entries, build),
		cmocka_unit_test_setup(walk_does_not_leave_the_guest, build),
	};

	return cmocka_run_group_tests_name(MODE ": p2m and walk", tests, NULL,
					   NULL);
}
