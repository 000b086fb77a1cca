/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What Xen has told this domain, in print.
 *
 * Called by start_kernel() through paravirt_ops, when this is Xen.
 */
#include "console.h"
#include "hypercall.h"
#include "paravirt.h"
#include "pv-memory.h"
#include "xen-ops.h"
#include "xenstore.h"

static void show_version(void)
{
	long version = HYPERVISOR_xen_version(XENVER_version, NULL);
	xen_extraversion_t extra = "";

	hypercall_must(version, "xen_version(XENVER_version)");
	hypercall_must(HYPERVISOR_xen_version(XENVER_extraversion, extra),
		       "xen_version(XENVER_extraversion), VA %#lx",
		       (vaddr_t)extra);
	printk("  Xen %ld.%ld%s, interface \"%s\"\n", version >> 16,
	       version & 0xffff, extra, xen_start_info->magic);
}

/* A kernel never misses memory that start_info does not mention, so Xen is
 * asked how much there is. Source: xen/memory.h, XENMEM_current_reservation.
 */
static void memory_is_whole(void)
{
	domid_t self = DOMID_SELF;
	long pages = HYPERVISOR_memory_op(XENMEM_current_reservation, &self);

	hypercall_must(pages, "memory_op(XENMEM_current_reservation)");
	if ((unsigned long)pages != xen_start_info->nr_pages)
		panic("memory: start_info says %lu pages, and Xen has given this domain %ld",
		      xen_start_info->nr_pages, pages);
}

/* A domU's p2m is its toolstack's work: it may be too short, or what lies
 * behind it was written over it. Xen has the other direction, the m2p, and
 * nobody can write to that. A p2m may have holes.
 */
static void p2m_is_whole(void)
{
	for (unsigned long pfn = 0; pfn < xen_start_info->nr_pages; pfn++) {
		unsigned long mfn = phys_to_machine_mapping[pfn], found;

		if (mfn == ~0UL)
			continue;
		if (!probe_kernel_read((vaddr_t)&m2p_table()[mfn], &found) ||
		    found != pfn)
			panic("p2m: PFN %#lx has MFN %#lx, and the m2p does not lead back",
			      pfn, mfn);
	}
}

static void show_domain(void)
{
	u32 flags = xen_start_info->flags;

	printk("  flags %#x:%s%s%s\n", flags,
	       flags & SIF_PRIVILEGED ? " privileged" : "",
	       flags & SIF_INITDOMAIN ? " first domain" : "",
	       flags & (SIF_PRIVILEGED | SIF_INITDOMAIN) ? "" : " none");
	printk("  memory: %lu pages (%lu MiB), PFN 0 is MFN %#lx\n",
	       xen_start_info->nr_pages,
	       xen_start_info->nr_pages >> (20 - PAGE_SHIFT),
	       phys_to_machine_mapping[0]);
	memory_is_whole();
	printk("  page tables may be written to by stores: %s\n",
	       xen_feature(XENFEAT_writable_page_tables) ? "yes" : "no");
	printk("  command line: \"%s\"\n", (char *)xen_start_info->cmd_line);
}

/* With one port for both, each event would wake whoever waits for the other: a
 * channel that never carries an event would not be noticed.
 */
static void ports_are_apart(void)
{
	u32 port = xen_start_info->store_evtchn;

	if (port == xen_start_info->console.domU.evtchn)
		panic("start_info: port %u is that of the console and that of xenstore, and each has its own",
		      port);
	/* Xen's own console would show what is printed, too, and any event
	 * wakes dom0, which then looks at all rings.
	 */
	if (ring_port != xen_start_info->console.domU.evtchn)
		panic("console: it rings port %u, and start_info says %u: no ring was selected, or another port",
		      ring_port, xen_start_info->console.domU.evtchn);
}

/* Dom0 has nobody to ask: it is the one that answers. No toolstack builds a
 * domain without a name.
 */
static void show_name(void)
{
	char name[64];

	if (xen_start_info->flags & SIF_INITDOMAIN)
		return;
	ports_are_apart();
	if (!xenstore_read("name", name, sizeof(name))) {
		printk("  name in xenstore: none (%s)\n", name);
		return;
	}
	if (!*name)
		panic("xenstore: the answer to \"name\" is an empty text");
	printk("  name in xenstore: \"%s\"\n", name);
}

void xen_show(void)
{
	show_version();
	show_domain();
	show_name();
	show_module((const u8 *)xen_start_info->mod_start,
		    xen_start_info->mod_len);
	if (!(xen_start_info->flags & SIF_INITDOMAIN))
		p2m_is_whole();
}
