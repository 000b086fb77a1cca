/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Dom0's end of a guest's xenstore: a few keys that never change.
 *
 * Called by store.c for each question. The real one is a program of its own,
 * xenstored, whose tree all domains read, write and watch. Here a guest can ask
 * for what its toolstack knows of it, and gets ENOENT for everything else.
 *
 * Source: docs/misc/xenstore.txt in Xen's tree.
 */
#include "store.h"
#include "string.h"

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

void store_reply(struct message *answer, const struct guest *guest,
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
