# SPDX-License-Identifier: GPL-2.0-only
"""The reader's own `make run`: with full points it succeeds, too.

lab.toml says under run in which ways a lab is run; each is a word for make, or empty. It
is done last, and only if nothing else was found.
Called by __main__.py.
"""

import subprocess
from concurrent.futures import ThreadPoolExecutor

from .lab import progress
from .making import clean_environment
from .running import end, running

SECONDS = 400  # by the clock: tools/boot has limits of its own, which SLOW= stretches
SLOW = "6"
JOBS = 2


def check_runs(lab):
    """Boots the kernel in each way; what fails is a finding of the last task."""
    if not lab.report.complete or not lab.runs:
        return
    progress(f"lab {lab.number}: make run")
    with ThreadPoolExecutor(JOBS) as pool:
        ends = list(pool.map(lambda words: run(lab, words), lab.runs))
    for words, (good, said) in zip(lab.runs, ends):
        if not good:
            command = " ".join(["make", "run", f"LAB={lab.number}", *words.split()])
            lab.report.tasks[-1].fail("run-fails", f"all of this is right, but {command} fails: {said}")


def run(lab, words):
    """Whether make run succeeds, and the line that says how it ended."""
    about = [f"LAB={lab.number}", f"WORK={lab.work}", f"OUT={lab.out}", *lab.variant_words()]
    command = ["make", "--no-print-directory", "-s", "run", *about, *words.split()]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          env=dict(clean_environment(), SLOW=SLOW), start_new_session=True) as made, running(made):
        try:
            output = made.communicate(timeout=SECONDS)[0]
        except subprocess.TimeoutExpired:
            end(made)
            return False, f"it was not at its end after {SECONDS} s."
    return made.returncode == 0, how_it_ended(output)


def how_it_ended(output):
    """tools/boot's verdict and diagnosis, without what the guest printed."""
    lines = output.splitlines()
    last = max((i for i, line in enumerate(lines) if "(transcript: " in line), default=None)
    if last is None:
        return " ".join(lines[-1:])
    verdict = lines[last].partition(": ")[2].partition(" (transcript")[0]
    cause, inside = [], False
    for line in lines[last + 1:]:
        title = line[2:18].strip()
        inside = title == "likely cause" or inside and not title and line.startswith(" " * 18)
        cause += [line[18:].strip()] if inside else []
    return verdict + "." + "".join(f" {line}" for line in cause)
