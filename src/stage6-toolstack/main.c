/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Stage 6: a dom0 that is a toolstack. It builds a domU, or two, and serves it.
 *
 * Called by xen_start_kernel(), like stage 4's start_kernel(): at the linked
 * address, with traps and events set up. Dom0's module has the guest's image.
 * build_guest() reads beside lesson 0, "What Xen guarantees at the start":
 * each guarantee there is a call here.
 */
#include "paravirt.h"
#include "toolstack.h"
#include "xen-ops.h"

static struct guest guests[MAX_GUESTS];

//! [build_guest]
static void build_guest(struct guest *guest)
{
	/* an empty domain of the image's width */
	create_domain(guest);

	/* its memory: first the layout, then the pages */
	lay_out(guest);
	populate(guest);

	/* what lies in it */
	load_image(guest);
	load_module(guest);
	write_mfn_list(guest);
	open_channels(guest);
	write_start_info(guest);
	console_open(guest);
	store_open(guest);

	/* page tables, and Xen's check of them */
	write_page_tables(guest);
	pin_page_tables(guest);

	/* the first registers */
	mask_guest_events(guest);
	set_context(guest);

	/* what it was told */
	check_start_info(guest);
}
//! [build_guest]

/* The domain that PHYS32_ENTRY is meant for. Its page tables are its own, and
 * Xen keeps the p2m: there is none to write, and nothing to pin.
 */
//! [build_pvh_guest]
static void build_pvh_guest(struct guest *guest)
{
	create_domain(guest);
	pvh_set_pool(guest);
	lay_out(guest);
	populate(guest);

	load_image(guest);
	load_module(guest);
	open_channels(guest);
	pvh_write_start_info(guest);
	console_open(guest);
	store_open(guest);
	window_close();

	pvh_set_parameters(guest);
	pvh_set_context(guest);
}
//! [build_pvh_guest]

static const char *reason_name(unsigned int reason)
{
	static const char names[][12] = {
		[SHUTDOWN_poweroff] = "poweroff", [SHUTDOWN_reboot] = "reboot",
		[SHUTDOWN_suspend] = "suspend",	  [SHUTDOWN_crash] = "crash",
		[SHUTDOWN_watchdog] = "watchdog",
	};

	return reason < ARRAY_SIZE(names) ? names[reason] : "unknown";
}

/* The word for success is poweroff. But Xen says it, too, of a PVH guest that
 * halts with interrupts off, which nothing will wake: that one is lost.
 * @return whether the guest's end was a success
 */
static bool report(const struct guest *guest)
{
	printk("toolstack: the guest ended with reason %u (%s)%s\n",
	       guest->reason, reason_name(guest->reason),
	       guest->halted ? ": it halted with interrupts off" : "");
	return guest->reason == SHUTDOWN_poweroff && !guest->nonsense &&
	       !guest->halted;
}

static void build(struct guest *guest, struct file image, struct file module)
{
	guest->module = module;
	guest->pvh = option("guest=pvh");
	image_parse(&guest->image, image, guest->pvh);
	if (guest->pvh)
		build_pvh_guest(guest);
	else
		build_guest(guest);
}

//! [start_kernel]
void start_kernel(void)
{
	unsigned int count = option_number("guests=", 1) == 2 ? 2 : 1;
	enum verdict verdict = VERDICT_SUCCESS;
	struct file image, module;

	find_files(&image, &module);
	domctl_find_version();
	image = unpack_bzimage(image);
	for (unsigned int i = 0; i < count; i++) {
		guests[i].number = i;
		build(&guests[i], image, module);
	}
	if (count == 2)
		introduce(&guests[0], &guests[1]);

	serve(guests, count);
	for (unsigned int i = 0; i < count; i++) {
		destroy(&guests[i]);
		if (!report(&guests[i]))
			verdict = VERDICT_FAILURE;
	}
	none_is_left();
	paravirt_ops.exit(verdict);
}
//! [start_kernel]
