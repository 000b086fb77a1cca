# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: two guests, what they lend each other, and how they hear of it."""

import os
import re

from .facts import Facts
from .fault import NAMES, PRESENT, WRITE
from .numbers import what
from .rule import rule
from .rules_domains import LESSON

GRANTS = LESSON + ": Two guests"


@rule("guest-domain-grant", GRANTS, "failure")
def _(f):
    if hasattr(f, "broken"):
        return None  # one of the two; it takes what both have printed
    left = f.guest(r"^\[domain (\d+)\] PANIC: pair: grant (\d+) is still open: flags (0x[0-9a-f]+), domain (\d+)")
    if left:
        return f"""Domain {left[1]}, which has lent a page to domain {left[4]}, has had it given back, and its grant {left[2]} permits that domain still to map it: the entry's flags are {left[3]}, and bit 0 is GTF_permit_access. A grant is taken back by storing 0 to the entry's flags, when nobody has the page mapped any more (lend(),
            src/stage6-toolstack/pair/grant.c)."""
    asked = f.xen(r"d(\d+)v\d+ Bad flags \(([0-9a-f]+)\) or dom \((\d+)\); expected d(\d+)")
    if f.guest(r"^\[domain \d+\] +mapped grant \d+ of domain"):
        asked = None  # that was too early, and it was allowed in the end
    lent = f.guest(r"^\[domain (\d+)\] +lent MFN 0x([0-9a-f]+) to domain (\d+) as grant (\d+)")
    taken = f.guest(r"^\[domain \d+\] +taken back: all done")
    empty = f.guest(r"^\[domain \d+\] +the page says: $")
    if asked and taken and empty and not int(asked[2], 16):
        return f"""Domain {asked[4]} asked Xen to map a grant, and the other domain had taken it back at once: what it then printed of the page is an empty text. So the lender had written nothing there, and the turn was 0, its own, from the beginning: say() has
            to write the text, and to set the turn to 1, before the entry's flags are set."""
    if asked and taken and not int(asked[2], 16):
        return f"""Domain {asked[4]} asked Xen to map a grant, and the other domain had taken it back before: that has printed "taken back", and its flags are 0x0. The lender has to wait until the page says that
            it is its turn again (shared->turn), and nobody has it mapped (GTF_reading, GTF_writing)."""
    if asked and not int(asked[2], 16) and not int(asked[3]):
        if not lent:
            return None  # there may be no lender
        return f"""Domain {asked[4]} asked Xen to map a grant of the other domain's, and the entry in that domain's grant table is all zeros: nothing was written there. What the lender wrote went elsewhere: the table is Xen's page, which map_grant_table() has to put into the pte of grants (GNTTABOP_setup_table tells its MFN) before
            the entry is filled in; or the entry that was filled in, {lent[4]}, is another than was asked for."""
    if asked:
        flags, named, mapper = int(asked[2], 16), int(asked[3]), int(asked[4])
        why = f"it is for domain {named}, and domain {mapper} wants to map it" if named != mapper else f"its flags are {flags:#x}, which permit nothing (GTF_permit_access is 1)"
        return f"""Domain {mapper} asked Xen to map a grant of the other domain's, and the entry in that domain's grant table does not allow it: {why}. Or the number of the grant
            (ref) that was asked for is not that of the entry that was filled in{f', {lent[4]}' if lent else ''}."""
    refused = f.xen(r"grant_table\.c:\d+:d(\d+)v\d+ (.*)")
    if refused and f.guest(rf"^\[domain {refused[1]}\] PANIC: pair: the other domain has not answered") and not re.match("Bad flags", refused[2]):
        return f"Domain {refused[1]} asked Xen again and again to map the grant, and Xen says why it does not: \"{refused[2]}\".{_asked(f, refused[2])}"
    read = f.guest(r"^\[domain (\d+)\] +mapped grant \d+ of domain \d+, it says: (.*)")
    if read and not read[2] and f.guest(r"^\[domain \d+\] PANIC: pair: the other domain has not answered"):
        return f"""Domain {read[1]} was told that the grant is mapped, and found no text in the page, where the lender had written one before: so it read and wrote a page of its own, and the lender heard nothing. With GNTMAP_host_map in flags Xen puts the lender's page into the pte of host_addr (GNTMAP_device_map is for
            the addresses that a device uses), and host_addr has to be the VA that is read (borrow(), src/stage6-toolstack/pair/grant.c)."""
    page = f.xen(r"d(\d+)v\d+ Error mfn 0*([0-9a-f]+): rd=d(\d+) od=(\S+)")
    if page and f.guest("PANIC: pair: the other domain has not answered"):
        mfn = int(page[2], 16)
        pages = f.guest(r"^toolstack: ([0-9]+) pages, PFN 0 is MFN")
        kind = "A domain can lend only what is its own"
        if not mfn:
            kind = "0 is what the field has that nobody has written: grant->frame takes the page's MFN (lend(), src/stage6-toolstack/pair/grant.c)"
        elif pages and mfn < int(pages[1]):
            kind = "As a number it is a PFN of that domain's, and a grant entry takes an MFN (phys_to_machine())"
        return f"The grant's frame is MFN {mfn:#x}, and Xen says that this page is not domain {page[3]}'s. {kind}."


def _asked(f, said: str) -> str:
    """What that means for the call's fields."""
    va = re.search(r"linear address (?:0x)?([0-9a-f]+)", said)
    if va:
        kinds = [f", {k.text}" for k in what(_guest(f), int(va[1], 16))]
        return f" That is host_addr, 0x{va[1]}{''.join(kinds[:1])}: it has to be the VA of a page that the borrower has mapped, whose pte Xen then changes."
    if "r/o grant" in said:
        return " The lender's entry has GTF_readonly in its flags (lend()), and the borrower asks to write (GNTMAP_readonly is not in its flags): it is to answer in the page, so the lender has to allow it."
    return ""


def _guest(f) -> Facts:
    """What can be asked of the image that both are."""
    return Facts(f.log, "", os.environ.get("MODULE", ""))


@rule("guest-domain-channel", GRANTS, "failure")
def _(f):
    asked = f.guest(r"^\[domain (\d+)\] PANIC: hypercall refused: event_channel_op\(EVTCHNOP_bind_interdomain\), port (\d+)")
    opened = f.guest(r"^toolstack: domains (\d+) and (\d+) may talk, by port (\d+) of the first")
    if opened and not int(opened[3]) and f.guest(r"^\[domain \d+\] PANIC: "):
        return f"""Dom0 says that domains {opened[1]} and {opened[2]} may talk by port 0 of the first, and 0 is no port: introduce() (src/stage6-toolstack/channels.c) has asked for none (new_port(), which is alloc_unbound for the two), or has not kept
            the answer where the two are told of it from (peer_port)."""
    if not asked or not opened:
        return None
    told = f"""Domain {asked[1]} wanted to bind to port {asked[2]} of the other, and dom0 has opened {opened[3]} of domain {opened[1]} for domain {opened[2]} (alloc_unbound)"""
    if (asked[1], asked[2]) == (opened[2], opened[3]):
        return f"""{told}: that is the right port, asked for by the right domain. So the call named another domain as its owner (remote_dom, which has to be {opened[1]}: peer/domid), or the
            port was bound already, by an earlier call."""
    owner = f.xen(rf"d{asked[1]}v\d+ EVTCHNOP failure: domain (\d+), ")
    if owner and owner[1] == asked[1] == opened[1] and f.guest(r"^\[domain \d+\] +lent ") is None:
        return f"""{told}. The call named domain {owner[1]} itself as the one that has the port (remote_dom), so for domain {owner[1]} the other of the two was itself, and it took the borrower's part, by start_kernel() (src/stage6-toolstack/pair/main.c), which compares domid with peer/domid. What peer/domid is
            dom0 answers: struct guest's peer, which introduce() (src/stage6-toolstack/channels.c) has to set to the other one's id, in each of the two."""
    if (asked[1], asked[2]) == (opened[1], opened[3]):
        return f"""{told}. So domain {asked[1]} has that port itself, and it is for the other to bind to it: the two do each other's part. The domain of the lower number lends, by the port, and the other borrows, and binds (start_kernel(), src/stage6-toolstack/pair/main.c)."""
    if not int(asked[2]):
        return f"""{told}. 0 is no port: the domain took it for an answer of xenstore's (peer/port, read_number()), or handed on something else."""
    return f"{told}. Xen binds only to a port that is unbound, and meant for the domain that asks. The number comes from xenstore (peer/port, peer/domid)."


def _fell(f) -> str:
    """That one of the two fell over an exception, and the other waited for it."""
    fell = f.guest(r"^\[domain (\d+)\] FAULT: vector (\d+), error code 0x([0-9a-f]+), CR2 VA 0x([0-9a-f]+)")
    at = f.guest(rf"^\[domain {fell[1]}\] +[ER]IP VA 0x([0-9a-f]+)") if fell else None
    if not fell or not at:
        return ""
    vector, error, va, guest = int(fell[2]), int(fell[3], 16), int(fell[4], 16), _guest(f)
    said = [line for line in f.said.guest if line.startswith(f"[domain {fell[1]}] ")]
    begin = next(n for n, line in enumerate(said) if "FAULT: " in line)
    kind = f" ({guest.number(va)})" if guest.number(va) else ""
    denied = error & PRESENT and error & WRITE
    used = f": it {'wrote to' if error & WRITE else 'read'} VA {va:#x}{kind}, {'which is mapped read-only' if denied else 'and that is forbidden' if error & PRESENT else 'where nothing is mapped'}" if vector == 14 else ""
    lent = denied and guest.source.name(va).startswith("pair_page")
    flags = " With GNTMAP_readonly in the flags Xen maps a grant so (borrow()), and the borrower is to answer in the page." if used and lent else ""
    before = re.sub(r"^\[domain \d+\] +", "", said[begin - 1])
    return f"""Domain {fell[1]} fell over {NAMES.get(vector, f"vector {vector}")}, error code {error:#x}, at {guest.source.place(int(at[1], 16))}{used}.{flags} What it had printed before is "{before}". The other one waited for its turn in vain."""


@rule("guest-domain-pair", GRANTS, "failure")
def _(f):
    """What either of the two has come to, where one of them waits."""
    panics = dict(re.findall(r"^\[domain (\d+)\] PANIC: (.*)$", "\n".join(f.said.guest), re.M))
    if hasattr(f, "broken") or not any(words.startswith("pair: ") for words in panics.values()):
        return None
    asked = {n: words for n, words in panics.items() if words.startswith("pair: xenstore")}
    number = next((m for m in (re.search(r'(\S+) is "(\d+)", which is no number', words) for words in asked.values()) if m), None)
    if number:
        return f"""What the guest says of itself is not so: it refuses what xenstore has answered for {number[1]}, "{number[2]}", as no number, and that is one. It came as it should; the check is at fault, read_number() (src/stage6-toolstack/pair/main.c)."""
    wanted = re.search(r"\bguests=(\d+)", os.environ.get("CMDLINE", ""))
    created = sum(1 for line in f.said.guest if line.startswith("toolstack: created domain "))
    if asked and wanted and created < int(wanted[1]):
        return f"""Dom0 was to build {wanted[1]} domains (guests={wanted[1]} on its command line), and has created {created}: there is no peer to tell of, and that is what the guest says. How many it builds main.c has from option_number() (src/stage6-toolstack/options.c): what did that read, and what does main() make of it?"""
    if asked:
        return f"""Before they lend anything, the two ask xenstore for each other's number and for the channel's port (read_number()), and dom0 has to answer, by its list of keys (find_key(), src/stage6-toolstack/store-keys.c): {'; '.join(f'domain {n} ended by "{words.removeprefix("pair: ")}"' for n, words in asked.items())}."""
    last = {m[1]: m[2] for m in (re.match(r"\[domain (\d+)\] +((?:lent|mapped|given back|taken back).*)", line) for line in f.said.guest) if m}
    lent = re.findall(r"^\[domain (\d+)\] +lent MFN", "\n".join(f.said.guest), re.M)
    back = next((n for n, words in last.items() if words.startswith("given back")), "")
    if back and set(panics) == {n for n in last if n != back}:
        return f"""Domain {back} has mapped the page, given it back, and come to its end; domain {next(iter(panics))} still waited for its turn, and ended by "{next(iter(panics.values()))}". The turn is the word shared->turn in the page, and the borrower has to set it to 0
            while it has the page: say(), with its answer, before the unmapping (src/stage6-toolstack/pair/grant.c)."""
    if _fell(f):
        return _fell(f)
    roles = "Both lend, and neither borrows: which of them a domain does, start_kernel() decides by its own number and the other's (src/stage6-toolstack/pair/main.c), and the two have to decide differently. " if len(set(lent)) > 1 else \
        "Neither of them has lent anything, so what is borrowed is not there. " if not lent and len(panics) > 1 else ""
    return f"""{roles}Of the two domains, {'; '.join(f'domain {n} came to "{last.get(n, "nothing of the grant yet")}", and ended by "{words}"' for n, words in panics.items())}. The lender lends, rings and waits for the page to say
        that it is its turn (turn 0) and for Xen to have taken GTF_reading and GTF_writing away; the borrower maps, writes back, unmaps and rings."""
