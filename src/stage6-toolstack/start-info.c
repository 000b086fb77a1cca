/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * start_info: the page in which the toolstack tells the guest everything else.
 *
 * Called by build_guest() when all that is to be told is known, and at the end.
 *
 * Source: xen/xen.h, struct start_info; xen/foreign/ has it in either width.
 */
#include "string.h"
#include "toolstack.h"
#include "xen-ops.h"

mfn_t shared_info_mfn(const struct guest *guest)
{
	struct xen_domctl op = {};

	domctl_must(&op, getdomaininfo, guest);
	return _mfn(op.u.getdomaininfo.shared_info_frame);
}

/* The guest's width decides which. */
union either_info {
	struct start_info_x86_32 x32;
	struct start_info_x86_64 x64;
};

/* The same fields in two widths: a macro, since C has no templates. The flags
 * stay 0, which is how a guest knows that it is not dom0, and that the union
 * holds console.domU.
 */
//! [fill]
#define FILL(info, of)                                                     \
	do {                                                               \
		(info)->nr_pages = (of)->nr_pages;                         \
		(info)->shared_info =                                      \
			maddr_x(mfn_to_maddr(shared_info_mfn(of)));        \
		(info)->store_mfn = mfn_x(guest_mfn(of, (of)->store));     \
		(info)->store_evtchn = (of)->store_port;                   \
		(info)->console.domU.mfn =                                 \
			mfn_x(guest_mfn(of, (of)->console));               \
		(info)->console.domU.evtchn = (of)->console_port;          \
		(info)->pt_base = guest_va(of, (of)->tables);              \
		(info)->nr_pt_frames = (of)->nr_tables;                    \
		(info)->mfn_list = guest_va(of, (of)->mfn_list);           \
		(info)->mod_len = (of)->module.size;                       \
		if ((of)->module.size)                                     \
			(info)->mod_start = guest_va(of, (of)->mod_start); \
		memcpy((info)->cmd_line, xen_start_info->cmd_line,         \
		       sizeof((info)->cmd_line));                          \
	} while (0)
//! [fill]

//! [write_start_info]
void write_start_info(const struct guest *guest)
{
	union either_info info;

	memset(&info, 0, sizeof(info));
	if (guest->image.bits == 64) {
		memcpy(info.x64.magic, "xen-3.0-x86_64", 15);
		FILL(&info.x64, guest);
	} else {
		memcpy(info.x32.magic, "xen-3.0-x86_32p", 16);
		FILL(&info.x32, guest);
	}
	guest_clear(guest, (u64)guest->start_info << PAGE_SHIFT, PAGE_SIZE);
	guest_write(guest, (u64)guest->start_info << PAGE_SHIFT, &info,
		    sizeof(info));
	printk("toolstack: start_info is at VA %#llx, shared_info is MFN %#lx\n",
	       guest_va(guest, guest->start_info),
	       mfn_x(shared_info_mfn(guest)));
}
//! [write_start_info]

static void begins_page(const struct guest *guest, const char *name, u64 va)
{
	u64 first = guest_va(guest, 0);
	u64 end = guest_va(guest, guest->nr_mapped);

	if (va % PAGE_SIZE || va - first >= end - first)
		panic("toolstack: start_info's %s is %#llx, and no page that the guest has mapped begins there: they have VA %#llx to %#llx",
		      name, va, first, end - 1);
}

#define CHECK(info, of)                                                  \
	do {                                                             \
		begins_page(of, "pt_base", (info)->pt_base);             \
		begins_page(of, "mfn_list", (info)->mfn_list);           \
		if ((of)->module.size)                                   \
			begins_page(of, "mod_start", (info)->mod_start); \
	} while (0)

/* A guest may never look at a field, and would not notice a wrong one. */
void check_start_info(const struct guest *guest)
{
	const union either_info *info = window_open(guest, guest->start_info);

	if (guest->image.bits == 64)
		CHECK(&info->x64, guest);
	else
		CHECK(&info->x32, guest);
	window_close();
}
