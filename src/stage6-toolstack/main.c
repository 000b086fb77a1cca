/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Stage 6: a dom0 that is a toolstack. It builds one domU, and serves it.
 *
 * Called by xen_start_kernel(), like stage 4's start_kernel(): at the linked
 * address, with traps and events set up. Dom0's module has the guest's image.
 * build_guest() reads beside lesson 0, "What Xen guarantees at the start":
 * each guarantee there is a call here.
 */
#include "paravirt.h"
#include "toolstack.h"
#include "xen-ops.h"

static struct guest guest;

//! [build_guest]
static void build_guest(void)
{
	/* an empty domain of the image's width */
	create_domain(&guest);

	/* its memory: first who lies where, then the pages */
	lay_out(&guest);
	populate(&guest);

	/* what lies in it */
	load_image(&guest);
	load_module(&guest);
	write_mfn_list(&guest);
	open_channels(&guest);
	write_start_info(&guest);
	console_open(&guest);
	store_open(&guest);

	/* page tables, and Xen's seal on them */
	write_page_tables(&guest);
	pin_page_tables(&guest);

	/* the first registers */
	mask_guest_events(&guest);
	set_context(&guest);
}
//! [build_guest]

static const char *reason_name(unsigned int reason)
{
	static const char names[][12] = {
		[SHUTDOWN_poweroff] = "poweroff", [SHUTDOWN_reboot] = "reboot",
		[SHUTDOWN_suspend] = "suspend",	  [SHUTDOWN_crash] = "crash",
		[SHUTDOWN_watchdog] = "watchdog",
	};

	return reason < ARRAY_SIZE(names) ? names[reason] : "unknown";
}

//! [start_kernel]
void start_kernel(void)
{
	struct file file;
	unsigned int reason;

	find_files(&file, &guest.module);
	domctl_find_version();
	image_parse(&guest.image, unpack_bzimage(file));

	build_guest();
	reason = serve(&guest);
	destroy(&guest);

	printk("toolstack: the guest ended with reason %u (%s)\n", reason,
	       reason_name(reason));
	paravirt_ops.exit(reason == SHUTDOWN_poweroff ? VERDICT_SUCCESS
						      : VERDICT_FAILURE);
}
//! [start_kernel]
