# SPDX-License-Identifier: GPL-2.0-only
"""A Linux as dom0: from its first instruction to far beyond the move of its p2m. Run by tests/gdb/all.bats."""

import random
import re
import time

import gdb
from inside import check, gva2gpa, registers, run, session, xen
from xenabi.entry import xen_entry
from xenpt.shared_info import SharedInfo

# Instructions until Linux has moved its p2m, at most: five times what they are.
BOOT = 30_000_000_000


@check
def the_entry_is_that_of_the_note_and_start_info_is_a_va():
    assert registers().rip == xen_entry(session.image) != session.image.entry
    lines = xen("start-info").splitlines()
    assert f"mapped at VA {registers().rsi:#x}" in lines[0], lines[0]
    assert any(line.startswith("mfn_list       VA 0x0000008000000000") for line in lines), lines


def shared_info():
    with session.stub.physical():
        return SharedInfo(session.read_page(session.boot.shared_info), 64)


@check
def the_p2m_is_followed_when_it_has_moved():
    while not shared_info().p2m_cr3:
        assert session.monitor.icount() < BOOT, "the p2m has not moved"
        session.stub.run(1)
    gdb.execute("maintenance flush register-cache", to_string=True)
    random.seed(1)
    entries = shared_info().max_pfn
    with session.guest() as guest:
        assert guest.translation.nr_pages == entries
        known = 0
        for pfn in random.sample(range(session.boot.nr_pages), 500):
            mfn = guest.translation.p2m(pfn)
            if mfn < 1 << 40:  # else a hole
                known += 1
                assert guest.translation.raw_m2p(mfn) == pfn, f"PFN {pfn:#x}"
        assert known > 400, known
    assert "PFNs are" not in xen("pt limit 1")


def work():
    """Seconds of processor time, GDB's and QEMU's."""
    return session.machine.processor_time() + time.process_time()


@check
def the_walk_is_quick_and_right():
    begin = work()
    lines = xen("pt").splitlines()
    took = work() - begin
    # Against what cannot be spared: each page of tables is read once.
    pages = int(re.search(r"(\d+) physical reads", lines[-2])[1])
    begin = work()
    with session.stub.physical():
        for number in [*range(pages)] * 5:
            session.read_page(number << 12)
    reading = (work() - begin) / 5
    print(f"xen pt: {took:.2f} s of processor time, {reading:.2f} s to read as many pages; {lines[-2]}")
    assert took < 40 * reading, f"{took:.2f} s, and {reading:.2f} s to read as many pages"
    for line in lines:
        span = re.match("(0x[0-9a-f]+)-(0x[0-9a-f]+) ", line)
        for va in (int(edge, 16) for edge in span.groups()) if span else ():
            with session.guest() as guest:
                assert guest.space.walk(va).maddr == gva2gpa(va), f"{va:#x}"


@check
def there_is_a_summary_and_there_are_filters():
    whole = xen("pt")
    assert re.search(r"^  rwx user  \d+ ranges, \d+ pages$", whole, re.M), whole
    assert re.search(r"^\.\.\. and \d+ ranges more: `xen pt limit 0` shows all", whole, re.M)
    assert len(xen("pt limit 0").splitlines()) > len(whole.splitlines())
    rows = [line for line in xen("pt w+x limit 0").splitlines() if line.startswith("0x")]
    assert rows and all(" rwx " in row for row in rows), rows
    assert "0xffffffff81000000-0xffffffff81000fff" in xen("pt pfn 0x1000")
    assert "1 range, 16 pages" in xen("pt 0xffffffff81000000-0xffffffff8100ffff")


run()
