/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The model itself: is it the machine and the Xen that it claims to be?
 *
 * What Xen refuses, and with which number, was seen on Xen 4.17.
 */
#include "check.h"

static long one_update(u64 ptr, u64 val)
{
	struct mmu_update u = {.ptr = ptr, .val = val};
	unsigned int done = 77;
	long ret = HYPERVISOR_mmu_update(&u, 1, &done, DOMID_SELF);

	assert_int_equal(done, ret == 0);
	return ret;
}

/* The machine address of an entry in a table of the guest's. */
static u64 maddr_of(const entry_t *entry)
{
	u64 paddr = (const u8 *)entry - machine.memory;

	return frame_of(paddr / PAGE) * PAGE + paddr % PAGE;
}

/* A number that is a PFN of the guest's, but no MFN of its. */
static u64 pfn_only(void)
{
	u64 pfn = 0, ignored;

	while (frame_is_ours(pfn, &ignored))
		pfn++;
	return pfn;
}

static int build(void **state)
{
	(void)state;
	machine_build(&(struct guest){
		.memory = MIB(64), .image_end = MIB(2), .dom0 = true});
	return 0;
}

static void frames_are_shuffled(void **state)
{
	u64 pfn, neighbours = 0;

	(void)state;
	for (u64 i = 0; i < machine.nr_pages; i++) {
		check(frame_is_ours(frame_of(i), &pfn) && pfn == i,
		      "PFN %#llx has a frame that is not its own", i);
		check(!frame_is_ours(frame_of_stranger(i), &pfn),
		      "the stranger of PFN %#llx is the guest's", i);
		neighbours += frame_of(i + 1) == frame_of(i) + 1;
	}
	check(neighbours < machine.nr_pages / 100, "frames are in order");
}

static void p_is_v(void **state)
{
	(void)state;
	for (u64 p = 0; p < machine.mapped; p += PAGE)
		assert_int_equal(translate(p), frame_of(p / PAGE) * PAGE);
	assert_int_equal(translate(machine.mapped), NOT_MAPPED);
}

static void xen_takes_a_copy_of_an_entry(void **state)
{
	entry_t *from = entry_for(0, 2), *to = entry_for(REACH(2), 2);

	(void)state;
	assert_int_equal(one_update(maddr_of(to), *from), 0);
	assert_int_equal(*to, *from);
	assert_int_equal(translate(REACH(2)), frame_of(0) * PAGE);
}

static void xen_refuses_what_is_not_the_guests(void **state)
{
	entry_t *entry = entry_for(0, 2);
	u64 offset = maddr_of(entry) % PAGE, flags = *entry % PAGE;

	(void)state;
	assert_int_equal(one_update(pfn_only() * PAGE + offset, *entry), -22);
	assert_int_equal(one_update(maddr_of(entry), pfn_only() * PAGE | flags),
			 -22);
	assert_int_equal(one_update(maddr_of(entry),
				    frame_of_stranger(0) * PAGE | flags),
			 -22);
}

static void xen_refuses_another_level(void **state)
{
	u64 pgd = frame_of(machine.pt_base / PAGE) * PAGE;
	u64 ordinary = frame_of(0) * PAGE;

	(void)state;
	for (unsigned int level = 2; level <= LEVELS; level++) {
		u64 ptr = maddr_of(entry_for(0, level));

		assert_int_equal(one_update(ptr, ordinary | 0x67), -22);
		assert_int_equal(one_update(ptr, pgd | 0x67), -22);
	}
}

static void xen_refuses_bad_flags(void **state)
{
	const unsigned int bad[] = {0x008, 0x010, 0x080, 0x100};

	(void)state;
	for (unsigned int level = 2; level <= LEVELS; level++)
		for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
			entry_t *e = entry_for(0, level);

			assert_int_equal(one_update(maddr_of(e), *e | bad[i]),
					 -22);
		}
}

static void xen_keeps_its_slots(void **state)
{
	entry_t *pgd = entry_for(0, LEVELS);

	(void)state;
	for (unsigned int i = XEN_PGD_FIRST; i <= XEN_PGD_LAST; i++) {
		assert_int_equal(one_update(maddr_of(&pgd[i]), pgd[i]), -22);
		assert_int_equal(one_update(maddr_of(&pgd[i]), pgd[0]), -22);
		assert_int_equal(one_update(maddr_of(&pgd[i]), 0), -22);
	}
	assert_int_equal(one_update(maddr_of(&pgd[XEN_PGD_FIRST - 1]), pgd[0]),
			 0);
	if (LEVELS != 3)
		return;

	assert_int_equal(one_update(maddr_of(&pgd[2]), pgd[3]), -22);
	assert_int_equal(
		one_update(maddr_of(entry_for(XEN_VA, 2)), *entry_for(0, 2)),
		-1);
	assert_int_equal(one_update(maddr_of(entry_for(XEN_VA - 1, 2)),
				    *entry_for(0, 2)),
			 0);
}

static void page_tables_stay_read_only(void **state)
{
	entry_t *pte = entry_for(0, 1);
	u64 table = frame_of(machine.pt_base / PAGE) * PAGE;

	(void)state;
	assert_int_equal(translate(machine.pt_base), table);
	assert_false(*entry_for(machine.pt_base, 1) & ENTRY_RW);
	assert_int_equal(one_update(maddr_of(pte), table | 0x63), -16);
	assert_int_equal(one_update(maddr_of(pte), table | 0x61), 0);
}

static void the_low_bits_are_a_command(void **state)
{
	entry_t *entry = entry_for(0, 2);
	u64 mfn = maddr_of(entry) / PAGE;
	entry_t before = *entry;

	(void)state;
	assert_int_equal(one_update(maddr_of(entry) | 1, 0x1234), 0);
	assert_int_equal(machine.m2p[mfn], 0x1234);
	assert_int_equal(*entry, before);
	assert_int_equal(one_update(maddr_of(entry) | 3, *entry), -38);
}

static void the_rest_is_not_done(void **state)
{
	entry_t *e = entry_for(0, 2), second = e[1], third = e[2];
	struct mmu_update u[] = {{maddr_of(&e[0]), 0},
				 {maddr_of(&e[1]), e[1] | 0x80},
				 {maddr_of(&e[2]), 0}};
	unsigned int done = 0;

	(void)state;
	assert_int_equal(HYPERVISOR_mmu_update(u, 3, &done, DOMID_SELF), -22);
	assert_int_equal(done, 1);
	assert_int_equal(e[0], 0);
	assert_int_equal(e[1], second);
	assert_int_equal(e[2], third);
	assert_int_equal(HYPERVISOR_mmu_update(u, 1, &done, 1), -3);
}

int test_model(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(frames_are_shuffled, build),
		cmocka_unit_test_setup(p_is_v, build),
		cmocka_unit_test_setup(xen_takes_a_copy_of_an_entry, build),
		cmocka_unit_test_setup(xen_refuses_what_is_not_the_guests,
				       build),
		cmocka_unit_test_setup(xen_refuses_another_level, build),
		cmocka_unit_test_setup(xen_refuses_bad_flags, build),
		cmocka_unit_test_setup(xen_keeps_its_slots, build),
		cmocka_unit_test_setup(page_tables_stay_read_only, build),
		cmocka_unit_test_setup(the_low_bits_are_a_command, build),
		cmocka_unit_test_setup(the_rest_is_not_done, build),
	};

	return cmocka_run_group_tests_name(MODE ": the model", tests, NULL,
					   NULL);
}
