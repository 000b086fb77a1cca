/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Between store.c, which takes messages off the ring, and store-keys.c, which
 * knows the answers.
 */
#ifndef STORE_H
#define STORE_H

#include "toolstack.h"
#include "xenstore.h"

/** The longest path that has a value here is much shorter. */
#define PATH_ROOM 64

/** A message: the header, and the text behind it. */
struct message {
	struct xsd_sockmsg head;
	char text[PATH_ROOM];
};

/** Answers a question of the guest's, which is whole but may be nonsense. */
void store_reply(struct message *answer, const struct guest *guest,
		 const struct message *question);

#endif
