# SPDX-License-Identifier: GPL-2.0-only
"""A rule: which facts a cause needs, and what to say of it then.

	@rule("pfn-in-ptr", "3: A pseudo-physical address in ptr", unlike="...")
	def _(f):
		if <the facts are there>:
			return "the concept, and the two numbers that collide"

The name is what `diagnosis:` shows; the second word the lesson's number and the section to read; unlike says what would
tell it from its neighbours. A rule that returns nothing does not fit. What fits is named in the order of the rules. One
of a higher rank is asked only if none of a lower fits:

	-1	the cause was put in on purpose (ERRATUM=), or what the others go by is not so
	0	its facts mean this cause
	1	they can mean more than one
	2	it fits whatever there is, and lists the facts

f has all that is known: facts.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .facts import Facts

Needs = Callable[["Facts"], "str | None"]


class Rule(NamedTuple):
    name: str
    read: str
    unlike: str
    rank: int
    ends: tuple[str, ...]
    says: Needs


class Cause(NamedTuple):
    name: str
    text: str
    read: str
    unlike: str


RULES: list[Rule] = []
MOST = 2  # causes that are named
RANKS, LISTS = (-1, 0, 1, 2), 2


def rule(name: str, read: str, *ends: str, unlike: str = "", rank: int = 0) -> Callable[[Needs], Needs]:
    """Adds a rule. ends: how the run may have ended (tools/boot's words); none means any."""
    def add(says: Needs) -> Needs:
        RULES.append(Rule(name, read, unlike, rank, ends, says))
        return says
    return add


def causes(facts: Facts) -> list[Cause]:
    """What fits, the likelier first."""
    for rank in RANKS:
        found: list[Cause] = []
        for r in RULES:
            if r.rank != rank or (r.ends and facts.end not in r.ends) or r.name in (c.name for c in found):
                continue
            try:
                text = r.says(facts)
            except Exception as error:
                # Somebody waits for a cause, and one rule of many has met what nobody thought of.
                print(f"explain: the rule {r.name} failed: {error!r}", file=sys.stderr)
                continue
            if text:
                found.append(Cause(r.name, " ".join(text.split()), r.read, r.unlike))
            if len(found) == (MOST if rank < LISTS else 1):
                break
        if found:
            return found
    return []
