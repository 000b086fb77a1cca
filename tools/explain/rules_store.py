# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: xenstore's questions, which of them were answered, and what was taken, by the rings of the page that a domain and dom0 share for it."""

from __future__ import annotations

import re

from xenabi.structs import struct

from .rule import rule
from .rules_domains import LESSON
from .store_rings import page

STORE = LESSON + ": xenstore"
ANSWERS = "src/stage6-toolstack/store.c"


def unanswered(asked: int, taken: int, answers: int) -> str:
    """What dom0 has not done, by how far the indexes are."""
    head = struct(32, "struct xsd_sockmsg").size  # the same in either width
    if not taken and asked < head:
        return f"""no whole question was ever there: one begins with a head of {head} bytes (struct xsd_sockmsg), and the path follows. The domain has put too few into the ring: ask() (src/stage4-start-kernel/xenstore.c) has to put sizeof(head) bytes, the struct's and not a pointer's, and then head.len bytes of
            the path. Dom0, which waits for the rest of it, is well."""
    if not taken and not answers:
        return """nobody has taken them. Does attend() (src/stage6-toolstack/serve.c) call store_answer() each time, does take_question() take a question that is whole, by req_prod and the head's len, and has store_open() mapped the page that the
            domain writes to (start_info's store_mfn)?"""
    if not taken:
        return f"they were answered, and req_cons is 0 still, or again, so that the same question is answered again and again: take_question() ({ANSWERS}) has to move it on behind each, and pass_over() only ever adds to it."
    if taken == asked and not answers:
        return f"they were taken, and no answer is there for the domain: store_answer() ({ANSWERS}) has to put it into the ring, and then to move rsp_prod on."
    if taken < asked:
        return f"the last {asked - taken} were not taken: req_cons has to be moved on by each question's head and text, and one that is whole is to be taken."
    return f"more were taken than were written: req_cons ({taken}) is moved on by a question's head and its text, once, and stops at req_prod ({asked})."


@rule("xenstore-unanswered", STORE, "failure")
def _(f):
    told = re.match(r"toolstack: xenstore's ring has (\d+) bytes of domain (\d+)'s questions, (\d+) of them taken, and (\d+) bytes of answers", f.panic)
    if told:
        asked, domain, taken, answers = map(int, told.groups())
        return f"""Domain {domain} has come to its end, and not all that it asked xenstore was answered: in the ring are {asked} bytes of questions (req_prod), {taken} were taken (req_cons), and the answers have {answers} bytes
            (rsp_prod). So {unanswered(asked, taken, answers)}"""


@rule("xenstore-unanswered", STORE, "failure")
def _(f):
    """Of a domain that does not go on without an answer."""
    shared = page(f) if re.search(r"xenstore has no \S+ \(no answer\)", f.panic) else None
    if shared:
        return f"""The domain had no answer from xenstore in the time that it waits. In the ring are {shared.req_prod} bytes of questions (req_prod), {shared.req_cons} were taken (req_cons), and the answers have {shared.rsp_prod} bytes
            (rsp_prod). So {unanswered(shared.req_prod, shared.req_cons, shared.rsp_prod)}"""


@rule("xenstore-no-event", STORE, "failure")
def _(f):
    if not f.panic.startswith("xenstore: the answer is in the ring, and no event said so"):
        return None
    shared = page(f)
    if not shared:
        return f"""The domain asked xenstore, and the answer came without an event: either dom0 sent none by its end of the channel (store_answer(), {ANSWERS}: notify_remote(guest->store_ours)), or the domain waited for another port than start_info's store_evtchn (take(), src/stage4-start-kernel/xenstore.c)."""
    port = f.info.store_evtchn
    found = f"Dom0's answer was in the ring ({shared.rsp_prod} bytes, by rsp_prod), and in the second that the domain waits, "
    if f.shared_info and port in f.shared_info.pending:
        return f"""{found}an event came by port {port}, start_info's store_evtchn: its bit is set in shared_info still. So the domain waited for another port, or did not look at this one's bit (take(), src/stage4-start-kernel/xenstore.c; wait_for_ports(), poll.c)."""
    return f"""{found}no event came by port {port}, start_info's store_evtchn. Who has put something into a ring sends an event to who waits for it: store_answer() ({ANSWERS}) has to call notify_remote(guest->store_ours), dom0's end of that channel, once rsp_prod says that the answer is there."""


@rule("xenstore-refused", STORE, "failure")
def _(f):
    told = re.match(r"xenstore: the question for (.*) is refused: (\w+)", f.panic)
    shared = page(f) if told else None
    if not shared:
        return None
    wanted = f"""Dom0 has refused the domain's question ({told[2]}). The domain wanted "{told[1]}", and """
    if not shared.asked and not shared.question:
        return f"""{wanted}in the ring of questions there are only zeros where the last is to be, though req_prod says that {shared.req_prod} bytes were put there: so the domain put them elsewhere. ask() (src/stage4-start-kernel/xenstore.c) has to put head and path into page->req, and page->rsp is for answers."""
    if shared.question != told[1]:
        return f"""{wanted}what is in the ring asks for "{shared.question}": ask() (src/stage4-start-kernel/xenstore.c) put another path there, or by another pointer."""
    if shared.length == len(told[1]):
        return f"""{wanted}in the ring its length is {shared.length}, that of the text alone: a path ends with a 0, which is a part of it (ask(), src/stage4-start-kernel/xenstore.c: strlen(path) + 1)."""
    return f"""{wanted}the question in the ring has that path, and its type is {shared.asked}: a value is asked for by XS_READ (ask(), src/stage4-start-kernel/xenstore.c: head.type)."""
