# SPDX-License-Identifier: GPL-2.0-only
"""Grades a lab: python3 labs/grader LAB, called by `make grade LAB=n`.

Environment: WORK=folder of the reader's files, OUT=folder for what is kept,
GRADE_FORMAT=text|json|gradescope|tap, XEN=hypervisor.

The exit status is 0 only for full points, 1 for fewer, 2 if it could not be graded
for a reason that is not the reader's.
"""

import glob
import importlib.util
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lab import Lab, Stopped  # noqa: E402
from report import FORMS, keep  # noqa: E402


def examine(lab):
    """Runs the lab's own check.py; whatever it did not come to has no points."""
    spec = importlib.util.spec_from_file_location("check", f"{lab.folder}/check.py")
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    try:
        lab.begin()
        check.check(lab)
    except Stopped as stop:
        lab.report.stopped = stop.finding
    os.makedirs(lab.out, exist_ok=True)
    path = os.path.join(lab.out, "result.json")
    lab.report.files["result"] = path
    keep(lab.report, path)
    return lab.report


def table(reports):
    rows = [f"{'lab':<5}{'points':>9}  title"]
    rows += [f"{r.number:<5}{r.score:>3} of {r.points:<3} {r.title}"
             + (f" ({r.stopped.id})" if r.stopped else "") for r in reports]
    rows.append(f"{'all':<5}{sum(r.score for r in reports):>3} of {sum(r.points for r in reports)}")
    return "\n".join(rows)


def main():
    form = os.environ.get("GRADE_FORMAT") or "text"
    if form not in FORMS:
        sys.exit(f"grade: GRADE_FORMAT={form} is not known here: use one of {' '.join(FORMS)}")
    known = sorted(re.findall(r"labs/lab(\d+)/", " ".join(glob.glob("labs/lab*/lab.toml"))), key=int)
    number = sys.argv[1] if len(sys.argv) == 2 else ""
    if number != "all" and number not in known:
        sys.exit(f"grade: no lab {number}: use one of {' '.join(known)}, or all")
    if number == "all":
        reports = [examine(Lab(n)) for n in known]
        print(table(reports) if form == "text" else "\n".join(FORMS[form](r) for r in reports))
    else:
        reports = [examine(Lab(number, os.environ.get("WORK"), os.environ.get("OUT")))]
        print(FORMS[form](reports[0]))
    return 0 if all(r.complete for r in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
