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

/** A key below /local/domain/ID. */
struct key {
	const char *path;
	const char *text;     /* its value begins with this text, */
	unsigned long number; /* and a number follows, unless it is 0 */
	const char *names;    /* of the keys below it, each with a space */
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

	for (; number; number /= 10)
		digits[--first] = '0' + number % 10;
	add(message, digits + first);
}

/* Each name has a 0 at its end, in place of the space. */
static void add_names(struct message *message, const char *names)
{
	for (; *names; names++)
		message->text[message->head.len++] = *names == ' ' ? 0 : *names;
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

/* The last three exist only if two guests share a page. createdomain got no
 * handle, so the name of the vm has zeros only.
 */
//! [find_key]
static bool find_key(struct key *key, const struct guest *guest,
		     const char *path)
{
	const struct key keys[] = {
		{"", "", 0,
		 guest->peer ? "domid memory name vm peer "
			     : "domid memory name vm "},
		{"domid", "", guest->id, ""},
		{"memory", "", 0, "target "},
		{"memory/target", "", guest->nr_pages * (PAGE_SIZE / 1024), ""},
		{"name", "guest-", guest->id, ""},
		{"vm", "/vm/00000000-0000-0000-0000-000000000000", 0, ""},
		{"peer", "", 0, "domid port "},
		{"peer/domid", "", guest->peer, ""},
		{"peer/port", "", guest->peer_port, ""},
	};
	const unsigned int hidden = guest->peer ? 0 : 3;

	for (unsigned int i = 0; i < ARRAY_SIZE(keys) - hidden; i++) {
		*key = keys[i];
		if (memcmp(path, key->path, strlen(key->path) + 1) == 0)
			return true;
	}
	return false;
}
//! [find_key]

/* A path has a 0 at its end, which counts. One that is too long for a key was
 * not kept to its end.
 */
static bool ends(const struct message *question)
{
	u32 len = question->head.len;

	return len >= PATH_ROOM || (len && !question->text[len - 1]);
}

void store_reply(struct message *answer, const struct guest *guest,
		 const struct message *question)
{
	u32 type = question->head.type;
	bool known = type == XS_READ || type == XS_DIRECTORY;
	struct key key;

	*answer = (struct message){};
	answer->head = question->head;
	answer->head.len = 0;
	if (!known || !ends(question)) {
		answer->head.type = XS_ERROR;
		add_names(answer, known ? "EINVAL " : "ENOSYS ");
	} else if (!find_key(&key, guest, relative(guest, question->text))) {
		answer->head.type = XS_ERROR;
		add_names(answer, "ENOENT ");
	} else if (type == XS_DIRECTORY) {
		add_names(answer, key.names);
	} else {
		add(answer, key.text);
		add_number(answer, key.number);
	}
	/* The text was cleared first: behind its end there is nothing but 0. */
	if (answer->head.len < PATH_ROOM && answer->text[answer->head.len])
		panic("toolstack: the answer is \"%s\", and its length %u",
		      answer->text, answer->head.len);
}
