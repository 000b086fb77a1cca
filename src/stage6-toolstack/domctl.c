/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * domctl: the hypercall by which one domain controls others.
 *
 * Called all over the toolstack. domctl belongs to Xen and its own tools and
 * promises no stability: a version number goes with each call, and Xen refuses
 * all but its own with -EACCES. The fields that are used here have stood at
 * the same place from 4.16 (0x14) to 4.22 (0x18), so the right number will do.
 *
 * Source: xen/domctl.h.
 */
#include "hypercall.h"
#include "toolstack.h"

#define OLDEST_VERSION 0x14
#define NEWEST_VERSION 0x18

static u32 version;

long domctl(struct xen_domctl *op, unsigned int cmd, domid_t domain)
{
	op->cmd = cmd;
	op->interface_version = version;
	op->domain = domain;
	return hypercall(__HYPERVISOR_domctl, HYPERCALL_PTR(op), 0, 0, 0, 0);
}

//! [domctl_find_version]
void domctl_find_version(void)
{
	long ret = -XEN_EACCES;

	for (version = OLDEST_VERSION; version <= NEWEST_VERSION; version++) {
		struct xen_domctl op = {};

		ret = domctl(&op, XEN_DOMCTL_getdomaininfo, 0);
		if (ret != -XEN_EACCES)
			break;
	}
	hypercall_must(ret, "domctl(getdomaininfo), versions %#x to %#x",
		       OLDEST_VERSION, NEWEST_VERSION);
	printk("toolstack: this Xen speaks domctl version %#x\n", version);
}
//! [domctl_find_version]
