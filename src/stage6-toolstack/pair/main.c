/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * start_kernel() of two guests that work together.
 *
 * Called by xen_start_kernel(), like stage 4's, which it replaces. Dom0 has
 * opened a channel between the two and put both numbers into xenstore: that
 * is all that it does for them.
 */
#include "pair.h"
#include "paravirt.h"
#include "xenstore.h"

u8 pair_page[PAGE_SIZE]
	__attribute__((aligned(PAGE_SIZE), section(".bss.page_aligned")));

/* It rings once when it is bound, too: the caller has to look what is so. */
void wait_for_bell(evtchn_port_t port, u64 until)
{
	if (system_time() >= until)
		panic("pair: the other domain has not answered in %u s",
		      (u32)(NS_FOR_A_TURN / 1000000000));
	wait_for_ports(&port, 1, until);
}

static unsigned long read_number(const char *key)
{
	char text[24];
	const char *at;
	unsigned long number = 0;

	if (!xenstore_read(key, text, sizeof(text)))
		panic("pair: xenstore has no %s (%s): is there another domain (GUESTS=2)?",
		      key, text);
	for (at = text; *at >= '0' && *at <= '9'; at++)
		number = number * 10 + (*at - '0');
	if (at == text || *at)
		panic("pair: xenstore's %s is \"%s\", which is no number", key,
		      text);
	return number;
}

void start_kernel(void)
{
	unsigned long self = read_number("domid");
	unsigned long peer = read_number("peer/domid");
	unsigned long port = read_number("peer/port");

	mask_events(true);
	if (self < peer)
		lend(peer, port);
	else
		borrow(peer, port);
	paravirt_ops.exit(VERDICT_SUCCESS);
}
