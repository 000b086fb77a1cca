# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: what is in the rings of the page that a domain and dom0 share for xenstore, at the end."""

from __future__ import annotations

from typing import NamedTuple

from xenabi.structs import struct
from xenpt.memory import PAGE_SHIFT, BadPage

RING = "struct xenstore_domain_interface"
INDEXES = "req_cons req_prod rsp_cons rsp_prod".split()
MOST_TEXT = 64  # bytes of a path


class Head(NamedTuple):
    """struct xsd_sockmsg, of an answer."""
    type: int
    len: int
    at: int  # where it begins in its ring

    @property
    def size(self) -> int:
        return struct(32, "struct xsd_sockmsg").size


class Page(NamedTuple):
    """The shared page, at the end."""
    req_cons: int
    req_prod: int
    rsp_cons: int
    rsp_prod: int
    answer: Head  # the last that was begun; without a limit by rsp_prod, which may be wrong itself
    before: list[Head]  # those before it
    question: str  # the last that was written
    asked: int  # its type
    length: int  # by its head, of the path
    text: bytes  # behind the answer's head


def page(f) -> Page | None:
    """Of a domain, its own. The width makes no difference to it."""
    if not hasattr(f, "broken") or not f.info or f.info.store_mfn not in f.pfn_of:
        return None
    ring = struct(32, RING, "req", "rsp", *INDEXES)
    try:
        data = f.seen.read_page(f.info.store_mfn << PAGE_SHIFT)
    except BadPage:
        return None
    indexes = [ring.number(data, name) for name in INDEXES]
    questions, answers = (_messages(data[begin:begin + size], indexes[INDEXES.index(end)])
                          for (begin, size), end in ((ring.fields["req"], "req_prod"), (ring.fields["rsp"], "rsp_prod")))
    last, begin = questions[-1], ring.offset("req")
    path = data[begin + last.at + last.size:][:min(last.len, MOST_TEXT)].split(b"\0")[0].decode("latin-1")
    answer, begin = answers[-1], ring.offset("rsp")
    text = data[begin + answer.at + answer.size:][:min(answer.len, MOST_TEXT)]
    return Page(*indexes, answer, answers[:-1], path, last.type, last.len, text)


def _messages(ring: bytes, end: int) -> list[Head]:
    """One behind the other, from the ring's begin to where it was written to, or it goes round."""
    head, found, at = struct(32, "struct xsd_sockmsg", "type", "len"), [], 0
    while not found or at < end and at + head.size <= len(ring):
        found.append(Head(head.number(ring[at:at + head.size], "type"), head.number(ring[at:at + head.size], "len"), at))
        at += head.size + found[-1].len
    return found
