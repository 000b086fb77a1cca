/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Dom0's end of a guest's xenstore: a few keys that never change.
 *
 * Called by serve(). The real one is a program of its own, xenstored, whose
 * tree all domains read, write and watch. Here a guest can ask for what its
 * toolstack knows of it, and gets ENOENT for everything else. Its requests may
 * be nonsense, and may come in pieces; none is believed before it is whole.
 *
 * Source: xen/io/xs_wire.h; docs/misc/xenstore.txt in Xen's tree.
 */
#include "hypercall.h"
#include "string.h"
#include "toolstack.h"
#include "xenstore.h"

static u8 store_pages[MAX_GUESTS][PAGE_SIZE]
	__attribute__((aligned(PAGE_SIZE), section(".bss.page_aligned")));

/** The longest path that has a value here is much shorter. */
#define PATH_ROOM 64

/** A message: the header, and the text behind it. */
struct message {
	struct xsd_sockmsg head;
	char text[PATH_ROOM];
};

static void add(struct message *message, const char *text)
{
	memcpy(message->text + message->head.len, text, strlen(text));
	message->head.len += strlen(text);
}

static void add_number(struct message *message, unsigned long number)
{
	char digits[21] = "";
	unsigned int first = sizeof(digits) - 1;

	do {
		digits[--first] = '0' + number % 10;
		number /= 10;
	} while (number);
	add(message, digits + first);
}

/** The keys below /local/domain/ID, which is HOME; the last are for two. */
enum key { HOME, DOMID, MEMORY, TARGET, NAME, VM, PEER, PEER_ID, PEER_PORT };
static const char keys[][16] = {
	[HOME] = "",
	[DOMID] = "domid",
	[MEMORY] = "memory",
	[TARGET] = "memory/target",
	[NAME] = "name",
	[VM] = "vm",
	[PEER] = "peer",
	[PEER_ID] = "peer/domid",
	[PEER_PORT] = "peer/port",
};

static unsigned int nr_keys(const struct guest *guest)
{
	return guest->peer ? ARRAY_SIZE(keys) : PEER;
}

static int find_key(const struct guest *guest, const char *path)
{
	for (unsigned int i = 0; i < nr_keys(guest); i++) {
		if (memcmp(path, keys[i], strlen(keys[i]) + 1) == 0)
			return i;
	}
	return -1;
}

//! [add_value]
static void add_value(struct message *answer, const struct guest *guest,
		      enum key key)
{
	switch (key) {
	case DOMID:
		add_number(answer, guest->id);
		break;
	case TARGET:
		add_number(answer, guest->nr_pages * (PAGE_SIZE / 1024));
		break;
	case NAME:
		add(answer, "guest-");
		add_number(answer, guest->id);
		break;
	case VM:
		/* the handle that createdomain was given: none */
		add(answer, "/vm/00000000-0000-0000-0000-000000000000");
		break;
	case PEER_ID:
		add_number(answer, guest->peer);
		break;
	case PEER_PORT:
		add_number(answer, guest->peer_port);
		break;
	case HOME:
	case MEMORY:
	case PEER:
		break;
	}
}
//! [add_value]

/* The name of a key, if it is right below the other. */
static const char *child(const char *path, const char *key)
{
	size_t length = strlen(path);

	if (length && (memcmp(key, path, length) != 0 || key[length++] != '/'))
		return NULL;
	key += length;
	for (const char *at = key; *at; at++) {
		if (*at == '/')
			return NULL;
	}
	return *key ? key : NULL;
}

/* The names one behind the other, each with a 0 at its end. */
static void add_children(struct message *answer, const struct guest *guest,
			 enum key key)
{
	for (unsigned int i = 0; i < nr_keys(guest); i++) {
		const char *name = child(keys[key], keys[i]);

		if (!name)
			continue;
		add(answer, name);
		answer->text[answer->head.len++] = '\0';
	}
}

/* The guest's own part of the tree: a path may say where that is. */
static const char *relative(const struct guest *guest, const char *path)
{
	struct message home = {};

	add(&home, "/local/domain/");
	add_number(&home, guest->id);
	if (memcmp(path, home.text, home.head.len) != 0)
		return path;
	path += home.head.len;
	return *path == '/' ? path + 1 : *path ? "?" : path;
}

static void refuse_with(struct message *answer, const char *error)
{
	answer->head.type = XS_ERROR;
	add(answer, error);
	answer->text[answer->head.len++] = '\0';
}

static void answer_to(struct message *answer, const struct guest *guest,
		      const struct message *question)
{
	int key = find_key(guest, relative(guest, question->text));

	answer->head = question->head;
	answer->head.len = 0;
	if (question->head.type != XS_READ &&
	    question->head.type != XS_DIRECTORY)
		refuse_with(answer, "ENOSYS");
	else if (key < 0)
		refuse_with(answer, "ENOENT");
	else if (question->head.type == XS_READ)
		add_value(answer, guest, key);
	else
		add_children(answer, guest, key);
}

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

		answer_to(&answer, guest, &question);
		store_ring_put(page->rsp, &end, &answer,
			       sizeof(answer.head) + answer.head.len);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		page->rsp_prod = end;
		(void)HYPERVISOR_event_channel_op(EVTCHNOP_send, &send);
	}
}
//! [store_answer]
