/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The toolstack's side of the contract: stage 6.
 *
 * Everything that xen_entry() takes for granted was made by somebody. For dom0
 * that is Xen itself, for every other domain (a domU) a program in dom0: here,
 * these functions, in the order in which build_guest() calls them. "The guest"
 * is always the domU; dom0 is "ours".
 */
#ifndef TOOLSTACK_H
#define TOOLSTACK_H

#include "address.h"
#include "console.h"
#include "image.h"
#include "xen-interface.h"

#include <xen/domctl.h>
#include <xen/foreign/x86_32.h>
#include <xen/foreign/x86_64.h>
#include <xen/io/console.h>
#include <xen/memory.h>

/** All tables of one level; they lie one behind the other. */
struct table_level {
	unsigned long first; /**< PFN of the first table */
	unsigned int count;  /**< how many tables */
	u64 base; /**< number of the first table, counted from VA 0 */
};

/** The first page tables map a multiple of so many pages: 4 MiB. */
#define MAP_UNIT 1024

/** Pages that a guest can have at most: 64 MiB. */
#define MAX_GUEST_PAGES 16384

/** Guests that there can be at a time. */
#define MAX_GUESTS 2

/** A domU, as its toolstack sees it. */
struct guest {
	unsigned int number; /**< among the toolstack's guests, from 0 */
	domid_t id;
	struct image image;
	struct file module; /**< of size 0 if it gets none */
	bool pvh;	    /**< with a ring 0 and page tables of its own */

	unsigned long nr_pages;		/**< all that it has */
	unsigned long nr_mapped;	/**< those that its first tables map */
	xen_pfn_t p2m[MAX_GUEST_PAGES]; /**< MFN by PFN, in our word width;
					     PVH: PFN by PFN */

	/** @{ Where everything lies: PFNs. */
	unsigned long mod_start, mfn_list, start_info, store, console;
	unsigned long tables, stack;
	/** @} */
	unsigned int levels;	     /**< of its page tables: 3 or 4 */
	unsigned int nr_tables;	     /**< page-table pages, all levels */
	struct table_level level[5]; /**< [1] has the ptes */

	/** @{ Ports of the two channels: the guest's number and ours. */
	evtchn_port_t console_port, store_port;
	evtchn_port_t console_ours, store_ours;
	/** @} */
	/** @{ The domain to share a page with, if any, and the channel there.
	 */
	domid_t peer;
	evtchn_port_t peer_port; /**< the lower domain's */
	/** @} */

	u32 store_rest; /**< bytes to come of a question that is too long */
	struct xencons_interface *ring; /**< its console, mapped by us: VA */
	char line[128];			/**< what it printed of a line yet */
	unsigned int used;
	bool nonsense; /**< an index in one of its rings was impossible */
	bool ended;
	bool halted; /**< by turning its processors off, and not by asking */
	unsigned int reason; /**< why: SHUTDOWN_ of xen/sched.h */
};

/** The MFN of a page of the guest's. */
mfn_t guest_mfn(const struct guest *guest, unsigned long pfn);

/** The VA, in the guest, at which it finds a page of its own. */
u64 guest_va(const struct guest *guest, unsigned long pfn);

/** Finds out which domctl version this Xen speaks. Before all other domctls. */
void domctl_find_version(void);

/**
 * Has Xen control a domain.
 *
 * @param op     the operation's own fields are filled in; receives the answer
 * @param cmd    XEN_DOMCTL_ of xen/domctl.h
 * @param domain which; createdomain puts the one that it made into op
 * @return as Xen does
 */
long domctl(struct xen_domctl *op, unsigned int cmd, domid_t domain);

/** Has Xen control a guest's domain; a refusal ends the run. */
#define domctl_must(op, cmd, guest)                               \
	hypercall_must(domctl(op, XEN_DOMCTL_##cmd, (guest)->id), \
		       "domctl(" #cmd ") of domain %u", (guest)->id)

/** What follows @p name on dom0's command line; NULL if it is not there. */
const char *option(const char *name);

/** The number that follows @p name on dom0's command line. */
unsigned long option_number(const char *name, unsigned long otherwise);

/** Makes an empty domain: an id, a width, one virtual processor. */
void create_domain(struct guest *guest);

/** Decides on a PFN for everything that the guest will find in memory. */
void lay_out(struct guest *guest);

/** Gives the guest its pages, which yields the p2m. */
void populate(struct guest *guest);

/** Writes the p2m where the guest will look for it, in its word width. */
void write_mfn_list(const struct guest *guest);

/** Maps a page of another domain's at @p va, in a pte of ours. */
void map_foreign(void *va, domid_t domain, mfn_t mfn);

/** Takes the page away again: with it mapped, Xen would not free it. */
void unmap_foreign(void *va);

/** The window: @return VA of a page of the guest's, until the next call */
void *window_open(const struct guest *guest, unsigned long pfn);

/** Unmaps what the window shows. */
void window_close(void);

/** @return whether it shows a page, which keeps the domain from going */
bool window_is_open(void);

/** Copies @p count bytes to a paddr of the guest's, or clears it: @p from NULL.
 */
void guest_write(const struct guest *guest, u64 paddr, const void *from,
		 u64 count);

/** Zeroes @p count bytes of the guest's at @p paddr. */
void guest_clear(const struct guest *guest, u64 paddr, u64 count);

/** Puts the image's segments where they say, and has stubs written if asked. */
void load_image(const struct guest *guest);

/** Puts the module, if there is one, behind the image. */
void load_module(const struct guest *guest);

/** How many tables of each level map the guest's pages. @return in all */
unsigned int count_tables(struct guest *guest);

/** Writes the guest's first page tables. */
void write_page_tables(const struct guest *guest);

/** Has Xen check the tables and hold them to it: from here on they are. */
void pin_page_tables(const struct guest *guest);

/** Opens the channels for the console and the store. */
void open_channels(struct guest *guest);

/** Fills in start_info. Needs the layout, the p2m and the channels. */
void write_start_info(const struct guest *guest);

/** Panics unless its pointers lead to pages that the guest has mapped. */
void check_start_info(const struct guest *guest);

/** Masks events: nobody may call the guest before it says where. */
void mask_guest_events(const struct guest *guest);

/** MFN of the page that Xen shares with the guest. */
mfn_t shared_info_mfn(const struct guest *guest);

/** Sets the registers that the guest begins with. */
void set_context(const struct guest *guest);

/** @{ A PVH guest's: memory for its second level of tables, and the rest. */
void pvh_set_pool(const struct guest *guest);
void pvh_write_start_info(const struct guest *guest);
void pvh_set_parameters(const struct guest *guest);
void pvh_set_context(const struct guest *guest);
/** @} */

/** @{ Dom0's end of the guest's console ring: maps, prints, unmaps it. */
void console_open(struct guest *guest);
void console_drain(struct guest *guest);
void console_close(struct guest *guest);
/** @} */

/** @{ Dom0's end of its xenstore: maps it, answers what was asked, unmaps it.
 */
void store_open(const struct guest *guest);
void store_answer(struct guest *guest);
void store_close(const struct guest *guest);
/** @} */

/** Says, once, that the guest breaks a ring's rules: no success is left to it.
 */
void report_nonsense(struct guest *guest, const char *ring, u32 prod, u32 cons);

/** Opens a channel between two guests, and tells both who the other is. */
void introduce(struct guest *first, struct guest *second);

/** Lets the guests run, prints what they print, until all have shut down. */
void serve(struct guest *guests, unsigned int count);

/** Removes the domain, and waits until the last of it is gone. */
void destroy(struct guest *guest);

/** Panics if Xen has a domain besides this one. */
void none_is_left(void);

#endif
