/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Grants: how one domain lets another map a page of its own.
 *
 * Called by start_kernel(). The lender writes an entry of its grant table, a
 * page that Xen shares with it: whom, which MFN, what for. The borrower asks
 * Xen to map that entry, by number. Dom0 has no part in it.
 *
 * Source: xen/grant_table.h.
 */
#include "hypercall.h"
#include "pair.h"
#include "pgtable.h"
#include "string.h"

static grant_entry_v1_t grants[PAGE_SIZE / sizeof(grant_entry_v1_t)]
	__attribute__((aligned(PAGE_SIZE), section(".bss.page_aligned")));

void grant_table_op(unsigned int op, void *arg, const char *name)
{
	hypercall_must(hypercall(__HYPERVISOR_grant_table_op, op,
				 HYPERCALL_PTR(arg), 1, 0, 0),
		       "grant_table_op(%s)", name);
}

/* Xen says which MFN our grant table is; a pte of ours makes it readable. */
//! [map_grant_table]
static void map_grant_table(void)
{
	xen_pfn_t mfn;
	struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};
	u64 entry;

	set_xen_guest_handle(setup.frame_list, &mfn);
	grant_table_op(GNTTABOP_setup_table, &setup, "GNTTABOP_setup_table");
	if (setup.status != GNTST_okay)
		panic("grant_table_op(GNTTABOP_setup_table): status %d",
		      setup.status);
	entry = maddr_x(mfn_to_maddr(_mfn(mfn))) | _PAGE_PRESENT | _PAGE_RW;
	hypercall_must(HYPERVISOR_update_va_mapping((vaddr_t)grants, entry,
						    UVMF_INVLPG),
		       "update_va_mapping, VA %#lx := %#llx", (vaddr_t)grants,
		       entry);
}
//! [map_grant_table]

static void say(volatile struct shared_text *shared, const char *text, u32 turn)
{
	memcpy((char *)shared->text, text, strlen(text) + 1);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	shared->turn = turn;
}

/* To Xen an entry is open for as long as its flags are not 0. */
static void all_are_taken_back(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(grants); i++)
		if (grants[i].flags)
			panic("pair: grant %u is still open: flags %#x, domain %u",
			      i, grants[i].flags, grants[i].domid);
}

/* The flags go last: from then on the entry counts. They may be taken back when
 * Xen no longer says in them that somebody has the page mapped.
 */
//! [lend]
void lend(domid_t peer, evtchn_port_t port)
{
	volatile struct shared_text *shared = (void *)pair_page;
	volatile grant_entry_v1_t *grant = &grants[PAIR_REF];
	u64 until = system_time() + NS_FOR_A_TURN;
	maddr_t page = phys_to_machine(__pa_symbol(pair_page));

	map_grant_table();
	say(shared, "hello from the lender", 1);
	grant->domid = peer;
	grant->frame = maddr_x(page) >> PAGE_SHIFT;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	grant->flags = GTF_permit_access;
	printk("  lent MFN %#x to domain %u as grant %u, ringing port %u\n",
	       grant->frame, peer, PAIR_REF, port);
	notify_remote(port);

	while (shared->turn != 0 || grant->flags & (GTF_reading | GTF_writing))
		wait_for_bell(port, until);
	grant->flags = 0;
	all_are_taken_back();
	printk("  the page says: %s\n", (char *)shared->text);
	printk("  taken back: all done\n");
}
//! [lend]

static bool try_to_map(struct gnttab_map_grant_ref *map)
{
	grant_table_op(GNTTABOP_map_grant_ref, map, "GNTTABOP_map_grant_ref");
	return map->status == GNTST_okay;
}

/* The bell is how the lender says that there is a grant; it rings once when it
 * is bound, too, so a refusal means no more than "not yet".
 */
//! [borrow]
void borrow(domid_t peer, evtchn_port_t remote)
{
	volatile struct shared_text *shared = (void *)pair_page;
	struct evtchn_bind_interdomain bind = {.remote_dom = peer,
					       .remote_port = remote};
	struct gnttab_map_grant_ref map = {.host_addr = (vaddr_t)pair_page,
					   .flags = GNTMAP_host_map,
					   .ref = PAIR_REF,
					   .dom = peer};
	struct gnttab_unmap_grant_ref unmap = {.host_addr = (vaddr_t)pair_page};
	u64 until = system_time() + NS_FOR_A_TURN;

	hypercall_must(
		HYPERVISOR_event_channel_op(EVTCHNOP_bind_interdomain, &bind),
		"event_channel_op(EVTCHNOP_bind_interdomain), port %u", remote);
	while (!try_to_map(&map))
		wait_for_bell(bind.local_port, until);
	printk("  mapped grant %u of domain %u, it says: %s\n", PAIR_REF, peer,
	       (char *)shared->text);
	say(shared, "hello back from the borrower", 0);

	unmap.handle = map.handle;
	grant_table_op(GNTTABOP_unmap_grant_ref, &unmap,
		       "GNTTABOP_unmap_grant_ref");
	if (unmap.status != GNTST_okay)
		panic("grant_table_op(GNTTABOP_unmap_grant_ref): status %d",
		      unmap.status);
	notify_remote(bind.local_port);
	printk("  given back: all done\n");
}
//! [borrow]
