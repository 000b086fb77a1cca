/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The guest's end of xenstore: one question, one answer.
 *
 * Called by xen_show(), if this is not dom0. start_info names the page by its
 * MFN and has the port of the channel. A real kernel has one thread that reads
 * answers, and many that wait for theirs; here there is only ever one question.
 *
 * Source: xen/io/xs_wire.h.
 */
#include "xenstore.h"
#include "console.h"
#include "pgtable.h"
#include "string.h"
#include "xen-ops.h"

/** Nanoseconds that an answer may take: dom0 may have nobody who answers. */
#define NS_TO_ANSWER 1000000000ULL

/* Above the end of the remap it would not be mapped: remap_limit() saw to it.
 */
static store_page_t *store_page(void)
{
	const unsigned long *m2p = (const unsigned long *)M2P_VIRT_START;

	return __va(pfn_to_paddr(_pfn(m2p[xen_start_info->store_mfn])));
}

/* The text has to be in the ring before the index says so. */
static void ask(store_page_t *page, const char *path)
{
	struct xsd_sockmsg head = {.type = XS_READ, .len = strlen(path) + 1};
	u32 end = page->req_prod;

	store_ring_put(page->req, &end, &head, sizeof(head));
	store_ring_put(page->req, &end, path, head.len);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	page->req_prod = end;
	notify_remote(xen_start_info->store_evtchn);
}

/* Dom0 sends an event when the answer is in the ring: each question waits for
 * one. A poll may end early and without an event, hence the loop.
 */
static bool dom0_has_rung(void)
{
	u64 until = system_time() + NS_TO_ANSWER;

	while (!wait_for_ports(&xen_start_info->store_evtchn, 1, until))
		if (system_time() >= until)
			return false;
	return true;
}

/* Waits until the ring holds so many bytes of the answer, and takes them. */
static bool take(store_page_t *page, void *to, u32 count)
{
	u64 until = system_time() + NS_TO_ANSWER;
	u32 at = page->rsp_cons;

	while (page->rsp_prod - at < count) {
		if (system_time() >= until)
			return false;
		wait_for_ports(&xen_start_info->store_evtchn, 1, until);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	store_ring_get(page->rsp, &at, to, count);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	page->rsp_cons = at;
	notify_remote(xen_start_info->store_evtchn);
	return true;
}

/* An answer's text has no 0 at its end. */
//! [xenstore_read]
bool xenstore_read(const char *path, char *value, u32 room)
{
	store_page_t *page = store_page();
	struct xsd_sockmsg head;
	bool rung, answered;

	mask_events(true);
	ask(page, path);
	rung = dom0_has_rung();
	answered = take(page, &head, sizeof(head));
	if (answered && !rung)
		panic("xenstore: the answer is in the ring, and no event said so");
	if (answered && head.len >= room)
		panic("xenstore: the value of %s has %u bytes", path, head.len);
	if (answered && !take(page, value, head.len))
		panic("xenstore: the answer is to have %u bytes more, and they did not come",
		      head.len);
	mask_events(false);

	if (!answered && !page->req_prod)
		panic("xenstore: nothing was asked: its ring of questions is still empty");
	if (!answered) {
		memcpy(value, "no answer", 10);
		return false;
	}
	if (head.type != XS_READ && head.type != XS_ERROR)
		panic("xenstore: the answer is of type %u, not %u as the question, nor %u, an error",
		      head.type, XS_READ, XS_ERROR);
	if (page->rsp_cons != page->rsp_prod)
		panic("xenstore: the answer was read, and %u bytes of it are in the ring still",
		      page->rsp_prod - page->rsp_cons);
	value[head.len] = '\0';
	if (head.type == XS_ERROR && memcmp(value, "ENOENT", 7) != 0)
		panic("xenstore: the question for %s is refused: %s", path,
		      value);
	return head.type == XS_READ;
}
//! [xenstore_read]
