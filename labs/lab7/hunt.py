# SPDX-License-Identifier: GPL-2.0-only
"""The bug hunt: a broken kernel and the right one are booted, and what differs first is the bug.

No answer is stored. What a reader says is compared with the two machines, at the
first moment of the boot (state.py) at which they differ; what differs later only
follows from it.
"""

import functools
import os
import threading
from collections import namedtuple

from grader.lab import Lab
from grader.session import Session
from grader.stopped import Stopped
from xenabi.image import Image

from .state import END, MOMENTS, State, differences, writer

# moment is where the kernels differ first; causes and later are keys of states; who the function, if a word changed on the way.
Truth = namedtuple("Truth", "right broken moment causes later who")

ONE_AT_A_TIME = threading.Lock()  # for right_file()


# ---- booting ------------------------------------------------------------------


class AsReaders(Session):
    """The machine of `make gdb LAB=7`: a reader's answers have its numbers."""
    elsewhere = False


class Hunt:
    """The kernels of one grading; each is booted once, and only if somebody asks."""

    def __init__(self, lab):
        self.lab = lab
        self.building, self.locks, self.rights = threading.Lock(), {32: threading.Lock(), 64: threading.Lock()}, {}

    def image(self, **settings):
        with self.building:
            return self.lab.build(**settings)

    def boot(self, image, name, look):
        try:
            with AsReaders(self.lab, image, os.path.join(self.lab.out, "module"), name + ".log") as session:
                return look(session)
        finally:
            self.lab.report.files.pop(name, None)

    def right(self, bits):
        with self.locks[bits]:
            if bits not in self.rights:
                image = self.image(ARCH="x86_64" if bits == 64 else "x86_32")
                right = self.boot(image, f"transcript-right-{bits}", State)
                if len(right.seen) < len(MOMENTS):
                    raise Stopped("no-right-kernel", "the kernel without a fault does not come to its end either: make run STAGE=4 "
                                  "says why. Was a file in src/ changed?")
                self.rights[bits] = right
        return self.rights[bits]

    @functools.lru_cache(maxsize=None)
    def truth(self, bug):
        image = self.image(BUG=bug)
        name = f"transcript-bug{bug}"
        broken = self.boot(image, name, State)
        right = self.right(Image(image).bits)
        found = differences(right, broken)
        moment = next((m for m in found if found[m]), None)
        if moment is None:
            raise Stopped("no-fault", f"kernel {bug} does nothing wrong that the grader looks at: was a file in src/ changed?")
        later = [key for m, keys in found.items() if m != moment for key in keys]
        who = None
        if moment == END:
            place = broken.place(found[moment][0])
            who = self.boot(image, name, lambda session: writer(session, place))
        return Truth(right, broken, moment, found[moment], later, who)


# ---- the right answers, for the tests ------------------------------------------------


def right_answers(truth):
    """The block of a bug as a good reader fills it in."""
    key = truth.causes[0]
    seen, guest = truth.broken.seen[truth.moment][key], truth.broken.guest
    if key[0] == "field":
        where = "start_info." + key[1]
    elif key[0] in ("entry", "p2m"):
        where = f"VA {guest.va(truth.broken.place(key)):#x}"
    else:
        where = key[0]
    should = seen.make(truth.right.seen[truth.moment][key].same)
    found = {"where": where, "holds": f"{seen.raw:#x}", "should": f"{should:#x}"}
    if truth.who:
        found["who"] = truth.who
    return found


@functools.lru_cache(maxsize=None)
def right_file(out, bugs):
    """Text of an answers file with nothing left to find."""
    os.makedirs(out, exist_ok=True)
    hunt = Hunt(Lab("7", out=out))
    blocks = [f"[bug {n}]\n" + "".join(f"{k} = {v}\n" for k, v in right_answers(hunt.truth(n)).items()) for n in bugs]
    return "\n".join(blocks)
