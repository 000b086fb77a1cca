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
#include "xen-ops.h"

static u8 store_pages[MAX_GUESTS][PAGE_SIZE]
	__attribute__((aligned(PAGE_SIZE), section(".bss.page_aligned")));

/** Questions that are answered at a time: no ring holds more. */
#define MOST_QUESTIONS (XENSTORE_RING_SIZE / sizeof(struct xsd_sockmsg))

/* A question that the ring cannot hold has no answer here but an error, and is
 * passed over as it comes.
 * @return bytes of the next one that are there
 */
static u32 pass_over(struct guest *guest, store_page_t *page)
{
	u32 there = page->req_prod - page->req_cons;
	u32 rest = min(there, guest->store_rest);

	if (there > sizeof(page->req)) {
		report_nonsense(guest, "xenstore", page->req_prod,
				page->req_cons);
		page->req_cons += there;
		return 0;
	}
	page->req_cons += rest;
	guest->store_rest -= rest;
	return there - rest;
}

/* @return whether there was a whole question, and room for its answer */
static bool take_question(struct guest *guest, store_page_t *page,
			  struct message *question)
{
	struct xsd_sockmsg *head = &question->head;
	u32 there = pass_over(guest, page), at = page->req_cons;
	u32 waiting = page->rsp_prod - page->rsp_cons;

	*question = (struct message){};
	if (there < sizeof(*head) ||
	    waiting > sizeof(page->rsp) - sizeof(*question))
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	store_ring_get(page->req, &at, head, sizeof(*head));
	if (head->len > sizeof(page->req) - sizeof(*head)) {
		guest->store_rest = head->len;
		question->text[0] = '?'; /* no key is called that */
	} else if (head->len > there - sizeof(*head)) {
		return false;
	} else { /* what is too long for a key is none */
		store_ring_get(page->req, &at, question->text,
			       min(head->len, PATH_ROOM - 1));
		at = page->req_cons + sizeof(*head) + head->len;
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	page->req_cons = at;
	return true;
}

void store_open(const struct guest *guest)
{
	guest_clear(guest, (u64)guest->store << PAGE_SHIFT, PAGE_SIZE);
	map_foreign(store_pages[guest->number], guest->id,
		    guest_mfn(guest, guest->store));
}

/* A guest can live without an answer, and would not complain. What is whole,
 * and was there when the guest ended, has been answered by now. Indexes only
 * grow: one that is not 0 tells that something went through the ring. This
 * looks at the guest's page by another mapping: the first may lead to another
 * page.
 */
static void all_was_answered(const struct guest *guest)
{
	const store_page_t *page;

	if (guest->nonsense || guest->store_rest)
		return;
	page = window_open(guest, guest->store);
	if (page->req_cons != page->req_prod ||
	    !page->req_cons != !page->rsp_prod)
		panic("toolstack: xenstore's ring has %u bytes of domain %u's questions, %u of them taken, and %u bytes of answers",
		      page->req_prod, guest->id, page->req_cons,
		      page->rsp_prod);
	window_close();
}

void store_close(const struct guest *guest)
{
	if (guest->reason == SHUTDOWN_poweroff)
		all_was_answered(guest);
	unmap_foreign(store_pages[guest->number]);
}

//! [store_answer]
void store_answer(struct guest *guest)
{
	store_page_t *page = (store_page_t *)store_pages[guest->number];
	struct message question, answer;

	for (unsigned int i = 0; i < MOST_QUESTIONS; i++) {
		u32 end = page->rsp_prod;

		if (!take_question(guest, page, &question))
			return;

		store_reply(&answer, guest, &question);
		store_ring_put(page->rsp, &end, &answer,
			       sizeof(answer.head) + answer.head.len);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		page->rsp_prod = end;
		notify_remote(guest->store_ours);
	}
}
//! [store_answer]
