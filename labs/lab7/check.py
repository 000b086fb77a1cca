# SPDX-License-Identifier: GPL-2.0-only
"""Lab 7: what the reader found, against what two machines say. Only kernels that were answered for are booted."""

import os
from concurrent.futures import ThreadPoolExecutor

from .answers import read_answers
from .finds import judge
from .hunt import ONE_AT_A_TIME, Hunt, right_file

BUGS = range(1, 7)
POINTS = {"where": 2, "holds": 1, "should": 1}
WHO = {6: {"who": 1}}  # here the state was right, and somebody wrote over it
BLOCKS = [f"bug {n}" for n in BUGS]
JOBS = 2


def check(lab):
    path = os.path.join(lab.work, "answers.txt")
    lab.look_at(path)
    said = read_answers(path, BLOCKS, [*POINTS, "who"])
    said = {n: said.get(f"bug {n}", {}) for n in BUGS}
    hunt = Hunt(lab)
    with ThreadPoolExecutor(JOBS) as pool:
        truths = {n: pool.submit(hunt.truth, n) for n in BUGS if said[n].get("where")}
        for n in BUGS:
            truth = truths[n].result() if n in truths else None
            lab.check(f"bug{n}", judge, said[n], truth, {**POINTS, **WHO.get(n, {})})


def answers():
    """The reader's file, filled in right; for the tests."""
    out = os.path.join(os.environ.get("CORPUS") or "build/test-labs", "7-answers")
    with ONE_AT_A_TIME:
        return {"answers.txt": right_file(out, BUGS)}
