# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: an answer of xenstore's that the domain did not take as it was, or that dom0 did not give as it has to, by what is in the ring."""

from __future__ import annotations

import re

from .rule import rule
from .rules_store import ANSWERS, STORE, unanswered
from .store_rings import Page, page


def cut(shared: Page) -> str:
    """That the domain has not taken all of the answer's head; empty if it has."""
    taken, head = shared.rsp_cons - shared.answer.at, shared.answer
    if not 0 < taken < head.size:
        return ""
    return f"""Of the answer the domain took {taken} bytes (rsp_cons is {shared.rsp_cons}, and the answer begins at {head.at}), and its head alone has {head.size}: so its length, {head.len}, was not among them, and head.len was never read. xenstore_read() (src/stage4-start-kernel/xenstore.c) takes a whole head first,
        sizeof(struct xsd_sockmsg), which is not the size of a pointer to it, and then head.len bytes."""


@rule("xenstore-answer-type", STORE, "failure")
def _(f):
    told = re.match(r"xenstore: the answer is of type (\d+), not (\d+) as the question, nor (\d+), an error", f.panic)
    shared = page(f) if told else None
    if not shared:
        return None
    got, read, error = map(int, told.groups())
    if shared.answer.type in (read, error):
        return f"""The domain took {got} ({got:#x}) for the answer's type. In the ring the answer's head says type {shared.answer.type} and length {shared.answer.len}, which is as it should be: so the domain reads it from another place than the
            ring's {shared.answer.at} on, by rsp_cons (take(), store_ring_get())."""
    if shared.asked != read and shared.asked == shared.answer.type:
        return f"""The answer is of type {got}, and so is the question in the ring: dom0 has answered what it was asked. The domain was to ask for a value, by a question of type {read} (XS_READ), and asked by another (ask(), struct xsd_sockmsg)."""
    if not shared.answer.type and not shared.answer.len and shared.rsp_prod:
        return f"""Where the domain looks for the answer, in the ring of answers, there are only zeros, and rsp_prod says that {shared.rsp_prod} bytes were put there: so dom0 put them elsewhere. store_answer() ({ANSWERS}) has to put them into page->rsp, from the old rsp_prod on, and page->req is for questions."""
    return f"""The head of dom0's answer says type {shared.answer.type} ({shared.answer.type:#x}) and length {shared.answer.len}. An answer has the type of its question, {read} (XS_READ), or {error} (XS_ERROR): store_reply() (src/stage6-toolstack/store-keys.c) begins
        with a copy of the question's head, and changes its length, and the type only for an error."""


@rule("xenstore-answer-short", STORE, "failure")
def _(f):
    told = re.match(r"xenstore: the answer is to have (\d+) bytes more, and they did not come", f.panic)
    shared = page(f) if told else None
    if not shared:
        return None
    head, there = shared.answer, shared.rsp_prod - shared.answer.at - shared.answer.size
    if head.len != int(told[1]) and cut(shared):
        return cut(shared)
    if head.len != int(told[1]):
        return f"""The domain waited for {told[1]} bytes of text, and the answer's head in the ring says {head.len}: it took another number for the length (struct xsd_sockmsg), or another place of the ring for the head."""
    if there >= head.len:
        return f"""All {head.len} bytes of the answer's text are in the ring (rsp_prod is {shared.rsp_prod}, and the head begins at {head.at} and has {head.size}), and the domain waits for more: take() (src/stage4-start-kernel/xenstore.c) is to wait while
            rsp_prod - rsp_cons is less than what it takes."""
    return f"""The answer's head says that {head.len} bytes of text follow it, and the ring has {max(there, 0)} (rsp_prod is {shared.rsp_prod}, and the head begins at {head.at} and has {head.size} bytes). store_answer() ({ANSWERS}) has to put head and text into the
        ring, {head.size} + head.len bytes, and to move rsp_prod behind both; or the text was added, and is shorter than its length says (add())."""


@rule("xenstore-answer-long", STORE, "failure")
def _(f):
    told = re.match(r"xenstore: the value of (.*) has (\d+) bytes", f.panic)
    shared = page(f) if told else None
    if shared and shared.answer.len != int(told[2]) and cut(shared):
        return cut(shared)
    if shared and shared.answer.len != int(told[2]):
        return f"""The domain took {told[2]} for the length of the answer. In the ring the answer's head says type {shared.answer.type} and length {shared.answer.len}: it is read from another place than the ring's {shared.answer.at} on, or from another field."""
    if shared:
        return f"""The head of dom0's answer says that {told[2]} bytes of text follow, and no value here is so long. answer->head.len is what store_reply() (src/stage6-toolstack/store-keys.c) sets to 0 and add() then counts up."""


@rule("xenstore-empty", STORE, "failure")
def _(f):
    told = re.match(r"""(?:xenstore: the answer to "|pair: xenstore's )(\S+?)"? is (?:an empty text|"", which is no number)""", f.panic)
    shared = page(f) if told else None
    if not shared:
        return None
    if shared.answer.len and cut(shared):
        return cut(shared)
    zeros = len(shared.text) - len(shared.text.lstrip(b"\0"))
    if zeros:
        behind = shared.text[zeros:].decode("latin-1")
        return f"""Dom0's answer to "{told[1]}" begins with {zeros} bytes of 0, {f'and "{behind}" stands behind them' if behind else "and has no others"}: add() (src/stage6-toolstack/store-keys.c) puts its text at head.len, which was {zeros} already, since the answer's head is a copy of the question's, whose len is
            that of the path. store_reply() has to set answer->head.len to 0 before anything is added."""
    if shared.answer.len:
        return f"""The answer to "{told[1]}" in the ring has {shared.answer.len} bytes of text, and the domain kept none: xenstore_read() (src/stage4-start-kernel/xenstore.c) has to take head.len bytes behind the head, and to put a 0 behind the last."""
    if shared.question.rpartition("/")[2] != told[1].rpartition("/")[2]:
        return f"""The domain wanted "{told[1]}", and what it has written into the ring asks for "{shared.question}": ask() (src/stage4-start-kernel/xenstore.c) was given another path. Dom0 has answered that with a text of no bytes (the head's len is 0)."""
    if any(head.len for head in shared.before):
        return f"""Dom0 has answered "{told[1]}" with a text of no bytes (the head's len is 0), and the questions before with some: so it is this key that is empty. A number of 0 is written by no digit: nobody has set it (struct guest's peer
            and peer_port, which introduce() fills in for both), or the key's entry in find_key() (src/stage6-toolstack/store-keys.c) names another field."""
    return f"""Dom0 has answered "{told[1]}" with a text of no bytes (the head's len is 0). Which key did find_key() (src/stage6-toolstack/store-keys.c) take? The first of its table has the empty path and an empty text, and every path begins like that one: so
        paths have to be compared with their final 0, strlen(key->path) + 1 bytes. Or the key's own entry has neither a text nor a number, or store_reply() does not add() them."""


@rule("xenstore-answer-cut", STORE, "failure")
def _(f):
    told = re.match(r'toolstack: the answer is "(.*)", and its length (\d+)$', f.panic)
    if told:
        return f"""Dom0's answer is the text "{told[1]}", of {len(told[1])} bytes, and its head's length says {told[2]}, so that the domain would get no more. An answer is added in pieces, and head.len has to grow by each: add() and add_names() (src/stage6-toolstack/store-keys.c) put a piece at head.len, and move that
            on by what it has."""


@rule("xenstore-not-taken", STORE, "failure")
def _(f):
    told = re.match(r"xenstore: the answer was read, and (\d+) bytes of it are in the ring still", f.panic)
    shared = page(f) if told else None
    if shared and cut(shared):
        return cut(shared)
    whole = shared.answer.size + shared.answer.len if shared else 1
    if shared and not shared.req_cons and not int(told[1]) % whole:
        return f"""The domain has taken the answer to its question, of {whole} bytes, and {int(told[1]) // whole} more like it are in the ring. In it are {shared.req_prod} bytes of questions (req_prod): {unanswered(shared.req_prod, 0, shared.rsp_prod)}"""
    if shared and not shared.rsp_cons:
        return f"""The domain has read the answer, and rsp_cons is still 0, while rsp_prod is {shared.rsp_prod}: take() (src/stage4-start-kernel/xenstore.c) has to store how far it has read, page->rsp_cons = at, behind each piece. Else the next take() begins at the head again, and reads that as the text; and
            dom0 never learns that there is room."""
    if shared:
        return f"""The domain has read the answer, and of the ring's {shared.rsp_prod} bytes (rsp_prod) it has taken {shared.rsp_cons} (rsp_cons). The answer's head begins at {shared.answer.at} and has {shared.answer.size} bytes, and says that {shared.answer.len} follow: together that is where rsp_cons has to be. Either
            take() (src/stage4-start-kernel/xenstore.c) was given another count, or rsp_cons is not moved on by as many, or dom0 has put more into the ring than the head says (store_answer(), {ANSWERS})."""
