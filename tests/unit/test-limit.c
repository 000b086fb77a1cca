/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * limit.c: does the remap reach over all that the kernel goes on using?
 *
 * Only addresses matter here. So the things are scattered over a guest that is
 * large enough, and the last of them must decide.
 */
#include "check.h"

#define GUEST_PAGES 4096

/* The ends of all that has to be reached, bytes from paddr 0. */
enum thing { IMAGE, INFO, TABLES, P2M, MODULE, STACK, CONSOLE, STORE, THINGS };

static u64 end[THINGS];

/* start_info and the p2m have to stay readable: moved, not lost. */
static void move_guest(u64 info_paddr, u64 p2m_paddr)
{
	struct start_info info = *machine.info;

	memmove(machine.memory + p2m_paddr, machine.memory + info.mfn_list,
		info.nr_pages * sizeof(unsigned long));
	info.mfn_list = p2m_paddr;
	machine.info = (struct start_info *)(machine.memory + info_paddr);
	*machine.info = info;
}

static void build(bool dom0)
{
	machine_build(&(struct guest){.memory = GUEST_PAGES * PAGE,
				      .image_end = MIB(2),
				      .dom0 = dom0});
}

static void scatter(void)
{
	bool dom0 = machine.info->flags & SIF_INITDOMAIN;
	u64 p2m_bytes = machine.nr_pages * sizeof(unsigned long);
	u64 at[THINGS];
	struct start_info *info;

	do
		for (unsigned int i = 0; i < THINGS; i++)
			at[i] = random_below(GUEST_PAGES) * PAGE;
	while (at[INFO] >= at[P2M] && at[INFO] < at[P2M] + p2m_bytes);

	move_guest(at[INFO], at[P2M]);
	info = machine.info;
	info->pt_base = at[TABLES];
	info->nr_pt_frames = 1 + random_below(20);
	info->mod_start = at[MODULE];
	info->mod_len = random_below(MIB(1));
	machine.stack_pointer = at[STACK] + PAGE - 16 - 16 * random_below(100);
	machine.image_end = at[IMAGE] + 1 + random_below(PAGE);
	if (!dom0) {
		info->console.domU.mfn = frame_of(at[CONSOLE] / PAGE);
		info->store_mfn = frame_of(at[STORE] / PAGE);
	}

	end[IMAGE] = machine.image_end;
	end[INFO] = at[INFO] + sizeof(*info);
	end[TABLES] = at[TABLES] + info->nr_pt_frames * PAGE;
	end[P2M] = at[P2M] + p2m_bytes;
	end[MODULE] = at[MODULE] + info->mod_len;
	end[STACK] = at[STACK] + PAGE;
	end[CONSOLE] = dom0 ? 0 : at[CONSOLE] + PAGE;
	end[STORE] = dom0 ? 0 : at[STORE] + PAGE;
}

static enum thing last_thing(void)
{
	enum thing last = IMAGE;

	for (unsigned int i = 0; i < THINGS; i++)
		if (end[i] > end[last])
			last = i;
	return last;
}

static void check_limit(void)
{
	u64 expected = (end[last_thing()] + PAGE - 1) / PAGE * PAGE;
	u64 limit = paddr_x(remap_limit(machine.info));

	check(limit == expected, "limit is paddr %#llx, thing %u ends at %#llx",
	      limit, last_thing(), end[last_thing()]);
}

/* Until each thing was the last one a few times. */
static void each_thing_counts(bool dom0)
{
	unsigned int seen[THINGS] = {}, least = 0;

	build(dom0);
	while (least < 3) {
		scatter();
		check_limit();
		seen[last_thing()]++;
		least = seen[IMAGE];
		for (unsigned int i = 0; i < (dom0 ? CONSOLE : THINGS); i++)
			least = min(least, seen[i]);
	}
}

static void all_of_a_dom0(void **state)
{
	(void)state;
	each_thing_counts(true);
}

static void all_of_a_domu(void **state)
{
	(void)state;
	each_thing_counts(false);
}

static void no_module_no_matter(void **state)
{
	(void)state;
	build(true);
	scatter();
	machine.info->mod_start = machine.info->mod_len = 0;
	end[MODULE] = 0;
	check_limit();
}

/* Where a domU has an MFN, a dom0 has offset and size of a structure. */
static void dom0_has_no_console_page(void **state)
{
	(void)state;
	build(true);
	for (int i = 0; i < 100; i++) {
		u64 page = GUEST_PAGES - 1;

		scatter();
		machine.info->console.domU.mfn =
			i % 2 ? frame_of(page) : frame_of_stranger(page);
		machine.info->store_mfn = frame_of(page);
		check_limit();
	}
}

static void call_limit(void)
{
	remap_limit(machine.info);
}

static void a_strangers_page_is_an_error(void **state)
{
	(void)state;
	build(false);
	for (int i = 0; i < 100; i++) {
		u64 mfn = frame_of_stranger(random_below(GUEST_PAGES));
		char name[32];

		scatter();
		snprintf(name, sizeof(name), "MFN %#llx", mfn);
		if (i % 2)
			machine.info->console.domU.mfn = mfn;
		else
			machine.info->store_mfn = mfn;
		assert_true(panics(call_limit));
		assert_non_null(strstr(panic_text, name));
	}
}

int test_limit(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_a_dom0),
		cmocka_unit_test(all_of_a_domu),
		cmocka_unit_test(no_module_no_matter),
		cmocka_unit_test(dom0_has_no_console_page),
		cmocka_unit_test(a_strangers_page_is_an_error),
	};

	return cmocka_run_group_tests_name(MODE ": limit", tests, NULL, NULL);
}
