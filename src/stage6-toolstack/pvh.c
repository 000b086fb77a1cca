/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What a PVH guest has in place of a p2m, page tables and start_info.
 *
 * Called by build_pvh_guest(). Xen keeps the second level of tables, from the
 * guest's paddrs to maddrs, in memory that is set apart for it. The rest is one
 * struct in the guest's memory, and numbers that the guest asks Xen for.
 *
 * Source: docs/misc/pvh.pandoc in Xen's tree; xen/arch-x86/hvm/start_info.h.
 */
#include "hypercall.h"
#include "string.h"
#include "toolstack.h"
#include "xen-ops.h"
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/hvm/params.h>

/** Bytes for the second level: 4 KiB map 2 MiB, and some are always needed. */
#define POOL_SIZE (2 << 20)

/** One page of the guest's: hvm_start_info and all that it names. */
struct start_page {
	struct hvm_start_info info;
	struct hvm_modlist_entry module;
	struct hvm_memmap_table_entry memory;
	char cmd_line[MAX_GUEST_CMDLINE];
};

void pvh_set_pool(const struct guest *guest)
{
	struct xen_domctl op = {.u.paging_mempool.size = POOL_SIZE};

	domctl_must(&op, set_paging_mempool_size, guest);
}

/* The guest follows these, and would take whatever lies there for the thing. */
static void in_page(const char *name, u64 at, u64 paddr)
{
	if (at - paddr < sizeof(struct hvm_start_info) ||
	    at - paddr >= sizeof(struct start_page))
		panic("toolstack: hvm_start_info's %s, paddr %#llx, is not in its page, which begins at paddr %#llx",
		      name, at, paddr);
}

static void check_page(const struct guest *guest, const struct start_page *page,
		       u64 paddr)
{
	u64 module = page->module.paddr;

	in_page("cmdline_paddr", page->info.cmdline_paddr, paddr);
	in_page("modlist_paddr", page->info.modlist_paddr, paddr);
	in_page("memmap_paddr", page->info.memmap_paddr, paddr);
	if (page->info.nr_modules &&
	    (module % PAGE_SIZE || module >> PAGE_SHIFT >= guest->nr_pages))
		panic("toolstack: hvm_start_info's module is at paddr %#llx, and no page of the guest's begins there: it has %#lx pages",
		      module, guest->nr_pages);
}

//! [pvh_write_start_info]
void pvh_write_start_info(const struct guest *guest)
{
	u64 paddr = (u64)guest->start_info << PAGE_SHIFT;
	struct start_page page = {
		.info.magic = XEN_HVM_START_MAGIC_VALUE,
		.info.version = 1,
		.info.nr_modules = guest->module.size ? 1 : 0,
		.module.paddr = (u64)guest->mod_start << PAGE_SHIFT,
		.module.size = guest->module.size,
		.info.memmap_entries = 1,
		.memory.size = (u64)guest->nr_pages << PAGE_SHIFT,
		.memory.type = XEN_HVM_MEMMAP_TYPE_RAM,
	};

	page.info.modlist_paddr = paddr + offsetof(struct start_page, module);
	page.info.memmap_paddr = paddr + offsetof(struct start_page, memory);
	page.info.cmdline_paddr = paddr + offsetof(struct start_page, cmd_line);
	memcpy(page.cmd_line, xen_start_info->cmd_line, sizeof(page.cmd_line));
	guest_write(guest, paddr, &page, sizeof(page));
	check_page(guest, &page, paddr);
	printk("toolstack: hvm_start_info is at paddr %#llx\n", paddr);
}
//! [pvh_write_start_info]

static void set(const struct guest *guest, u32 index, u64 value)
{
	struct xen_hvm_param param = {
		.domid = guest->id, .index = index, .value = value};

	hypercall_must(HYPERVISOR_hvm_op(HVMOP_set_param, &param),
		       "hvm_op(HVMOP_set_param), index %u of domain %u", index,
		       guest->id);
}

//! [pvh_set_parameters]
void pvh_set_parameters(const struct guest *guest)
{
	set(guest, HVM_PARAM_CONSOLE_PFN, guest->console);
	set(guest, HVM_PARAM_CONSOLE_EVTCHN, guest->console_port);
	set(guest, HVM_PARAM_STORE_PFN, guest->store);
	set(guest, HVM_PARAM_STORE_EVTCHN, guest->store_port);
}
//! [pvh_set_parameters]
