# SPDX-License-Identifier: GPL-2.0-only
"""Grades a lab: tools/python -m grader LAB, called by `make grade LAB=n`.

Environment: WORK=folder of the reader's files, OUT=folder for what is kept,
GRADE_FORMAT=text|json|gradescope|tap|junit|classroom50, XEN=hypervisor, VARIANT=seed.

The exit status is 0 only for full points, 1 for fewer, 2 if it could not be graded
for a reason that is not the reader's.
"""

import importlib
import os
import re
import sys
import traceback

from xenqemu.packets import Gone, Late

from .lab import Lab, numbers, progress
from .ownrun import check_runs
from .report import FORMS, Finding, keep
from .running import end_on_signals, locked
from .stopped import NotGraded, Stopped
from .variant import SEED

NOT_GRADED = 2
LOST = "grader-lost"


def examine(lab):
    """Runs the lab's own check.py; whatever it did not come to has no points."""
    check = importlib.import_module(f"lab{lab.number}.check")
    try:
        lab.begin()
        check.check(lab)
        check_runs(lab)
    except Stopped as stop:
        lab.report.stopped = stop.finding
    except (Gone, Late):
        lab.report.stopped = Finding("machine-gone", "the machine ended, or did not answer any more, while it was looked at; see "
                                     "the transcript", "")
    except (NotGraded, OSError):
        raise
    except Exception as error:  # whatever it is, the reader gets a word, and the course server a result
        lab.report.files["error"] = os.path.join(lab.out, "error.txt")
        with open(lab.report.files["error"], "w", encoding="utf-8") as file:
            traceback.print_exc(file=file)
        lab.report.stopped = Finding(LOST, f"the grader cannot make sense of what it met ({type(error).__name__}: {error}). "
                                     "That is a mistake of the grader's, not yours", "")
    if lab.variant:
        lab.report.say(lab.variant.said)
    path = os.path.join(lab.out, "result.json")
    lab.report.files["result"] = path
    keep(lab.report, path)
    return lab.report


def grade(lab):
    """Two grades of one folder would be in each other's way: the second waits."""
    os.makedirs(lab.out, exist_ok=True)
    with locked(os.path.join(lab.out, ".lock")):
        return examine(lab)


def folders():
    """WORK and OUT, if they are names that make can carry."""
    for name in ("WORK", "OUT"):
        value = os.environ.get(name) or ""
        if re.search(r"[^\w./+@~,=-]", value):
            raise NotGraded(f"{name}={ascii(value)} has a character that make would not take as it is: use letters, digits and . / + - _ @ ~ , =")
        yield value


def refuse(why):
    print(f"grade: {why}", file=sys.stderr)
    return NOT_GRADED


def main():
    form = os.environ.get("GRADE_FORMAT") or "text"
    if form not in FORMS:
        return refuse(f"GRADE_FORMAT={form} is not known here: use one of {' '.join(FORMS)}")
    if not SEED.fullmatch(os.environ.get("VARIANT") or "none"):
        return refuse("VARIANT= is a word of up to 40 letters, digits, - and _")
    known = numbers()
    number = sys.argv[1] if len(sys.argv) == 2 else ""
    if number != "all" and number not in known:
        return refuse(f"no lab {number or 'named'}: use one of {' '.join(known)}, or all")
    try:
        if number == "all":
            reports = [grade(Lab(n)) for n in known]
        else:
            reports = [grade(Lab(number, *folders()))]
    except NotGraded as error:
        progress("")
        return refuse(str(error))
    except OSError as error:
        return refuse(f"cannot keep the result: {error}")
    progress("")
    print(FORMS[form](reports))
    if any(r.stopped and r.stopped.id == LOST for r in reports):
        return NOT_GRADED
    return 0 if all(r.complete for r in reports) else 1


def graded():
    """main(), whose own mistakes are nobody's points: an exception's status would be that of a wrong answer."""
    try:
        return main()
    except Exception:
        traceback.print_exc()
        return NOT_GRADED


if __name__ == "__main__":
    end_on_signals()
    sys.exit(graded())
