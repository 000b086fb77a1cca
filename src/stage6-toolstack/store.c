/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Dom0's end of a guest's xenstore: the rings.
 *
 * Called by serve(). A guest's requests may be nonsense, and may come in
 * pieces; none is believed before it is whole. What the answers are:
 * store-keys.c.
 *
 * Source: xen/io/xs_wire.h.
 */
#include "hypercall.h"
#include "store.h"

static u8 store_pages[MAX_GUESTS][PAGE_SIZE]
	__attribute__((aligned(PAGE_SIZE), section(".bss.page_aligned")));

/* @return whether there was a whole question, and room for its answer */
static bool take_question(store_page_t *page, struct message *question)
{
	u32 at = page->req_cons, there = page->req_prod - at;
	u32 waiting = page->rsp_prod - page->rsp_cons;

	*question = (struct message){};
	if (there < sizeof(question->head) ||
	    waiting > sizeof(page->rsp) - sizeof(*question))
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	store_ring_get(page->req, &at, &question->head, sizeof(question->head));
	there -= sizeof(question->head);
	if (there < question->head.len &&
	    question->head.len <= sizeof(page->req) - sizeof(question->head))
		return false;

	/* What is too long for a key is none; what is too long for the ring
	 * is not read to its end.
	 */
	store_ring_get(page->req, &at, question->text,
		       min(question->head.len, PATH_ROOM - 1));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	page->req_cons +=
		sizeof(question->head) + min(there, question->head.len);
	return true;
}

void store_open(const struct guest *guest)
{
	guest_clear(guest, (u64)guest->store << PAGE_SHIFT, PAGE_SIZE);
	map_foreign(store_pages[guest->number], guest->id,
		    guest_mfn(guest, guest->store));
}

void store_close(const struct guest *guest)
{
	unmap_foreign(store_pages[guest->number]);
}

//! [store_answer]
void store_answer(const struct guest *guest)
{
	store_page_t *page = (store_page_t *)store_pages[guest->number];
	struct evtchn_send send = {.port = guest->store_ours};
	struct message question, answer;

	while (take_question(page, &question)) {
		u32 end = page->rsp_prod;

		store_reply(&answer, guest, &question);
		store_ring_put(page->rsp, &end, &answer,
			       sizeof(answer.head) + answer.head.len);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		page->rsp_prod = end;
		/* If it has ended, nobody listens. */
		(void)HYPERVISOR_event_channel_op(EVTCHNOP_send, &send);
	}
}
//! [store_answer]
