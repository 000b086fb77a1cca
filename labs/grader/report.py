# SPDX-License-Identifier: GPL-2.0-only
"""What a grade says: tasks, points, and findings; and the forms it can take.

A task has its points if its check ran to the end and found nothing. A task whose
check was never reached has none: silence is not success.
"""

import json
import os
import sys
import textwrap
from dataclasses import dataclass, field

from .courses import as_classroom50, as_junit

WIDTH = 100


@dataclass
class Finding:
    """One thing that does not hold: an identifier, what was seen and what it means, what to read."""
    id: str
    text: str
    read: str

    def __post_init__(self):
        self.text = printable(self.text)


def printable(text):
    """Without what would reach the reader's terminal as a command: a finding may quote a kernel, or a file."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


@dataclass
class Task:
    name: str
    title: str
    points: int
    needs: list = field(default_factory=list)
    blanks: list = field(default_factory=list)
    read: str = ""
    state: str = "not reached"  # then: right, wrong, skipped
    why: str = ""
    findings: list = field(default_factory=list)
    earned: int = 0  # of a task that is wrong in part

    @property
    def score(self):
        return self.points if self.state == "right" else self.earned

    def fail(self, identifier, text, read=None):
        """Notes what does not hold; the first finding is the one that matters most."""
        self.state = "wrong"
        if identifier not in [f.id for f in self.findings]:
            self.findings.append(Finding(identifier, " ".join(text.split()), read or self.read))


class Report:
    def __init__(self, number, title, tasks):
        self.number, self.title, self.tasks = number, title, tasks
        self.stopped = None  # a Finding that ended the grading
        self.files = {}  # what is kept: what it is, path
        self.warnings = []  # the compiler's
        self.told = []  # what came of predictions
        self.learned = self.next = ""  # for full points

    @property
    def score(self):
        return sum(t.score for t in self.tasks)

    @property
    def points(self):
        return sum(t.points for t in self.tasks)

    @property
    def complete(self):
        return self.score == self.points and not self.stopped

    def may_begin(self, task):
        """Whether all that a task builds on is right; notes it otherwise."""
        missing = [str(self.tasks.index(t) + 1) for t in self.tasks
                   if t.name in task.needs and t.state != "right"]
        if missing:
            task.state = "skipped"
            task.why = "it builds on task " + " and ".join(missing)
        return not missing

    def say(self, said):
        """Has what was found go through said()."""
        for finding in [f for task in self.tasks for f in task.findings]:
            finding.text = said(finding.text)

    def as_json(self):
        open_tasks = [i + 1 for i, t in enumerate(self.tasks) if t.state != "right"]
        return {
            "lab": self.number, "title": self.title, "score": self.score, "points": self.points,
            "open_task": open_tasks[0] if open_tasks else 0,
            "stopped": vars(self.stopped) if self.stopped else None,
            "tasks": [{
                "number": i + 1, "name": t.name, "title": t.title, "state": t.state, "why": t.why,
                "score": t.score, "points": t.points, "findings": [vars(f) for f in t.findings],
            } for i, t in enumerate(self.tasks)],
            "files": self.files, "warnings": self.warnings, "predictions": self.told,
        }


# ---- forms -----------------------------------------------------------------


def wrap(text, indent):
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent,
                         break_long_words=False, break_on_hyphens=False)


def finding_lines(finding, indent):
    yield wrap(f"[{finding.id}] {finding.text}", indent)
    if finding.read:
        yield f"{indent}read {finding.read}"


RED, YELLOW, GREEN = 31, 33, 32


def in_colour(text, number):
    """On a terminal, unless NO_COLOR says no (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty():
        return text
    return f"\033[{number}m{text}\033[0m"


def score_of(task):
    number = GREEN if task.state == "right" else YELLOW if task.score else RED
    return in_colour(f"{task.score:2}/{task.points:<2}", number)


def as_text(report):
    lines = [f"lab {report.number}: {report.title}", ""]
    if report.stopped:
        lines += [*finding_lines(report.stopped, "  "), ""]
    for number, task in enumerate(report.tasks, 1):
        lines.append(f"  {score_of(task)}  task {number}  {task.name}: {task.title}")
        if task.state in ("skipped", "not reached"):
            lines.append(f"         {task.state}" + (f": {task.why}" if task.why else ""))
        for finding in task.findings:
            lines += finding_lines(finding, "         ")
    lines += ["", f"  {report.score} of {report.points} points"]
    lines += [wrap(printable(f"your prediction, {text}"), "  ") for text in report.told]
    lines += what_next(report)
    lines += [f"  {what}: {path}" for what, path in sorted(report.files.items())]
    return "\n".join(lines)


MOST_WARNINGS = 5


def what_next(report):
    """Behind the points: what was learned, or where to begin."""
    if report.complete:
        answers = f"the questions' answers: make answers LAB={report.number}" if os.path.exists(f"labs/lab{report.number}/answers.md") else ""
        return [wrap(text, "  ") for text in (report.learned, report.next, answers) if text]
    lines = []
    if report.warnings:
        lines += ["  the compiler warns, which often names the mistake:"]
        lines += [wrap(printable(text), "    ") for text in report.warnings[:MOST_WARNINGS]]
    first = next((number for number, task in enumerate(report.tasks, 1) if task.state != "right"), 0)
    if first and not report.stopped:
        lines += [f"  begin with task {first}; a hint: make hint LAB={report.number} TASK={first}"]
    return lines


def as_table(reports):
    rows = [f"{'lab':<5}{'points':>9}  title"]
    rows += [f"{r.number:<5}{r.score:>3} of {r.points:<3} {r.title}"
             + (f" ({r.stopped.id})" if r.stopped else "") for r in reports]
    rows.append(f"{'all':<5}{sum(r.score for r in reports):>3} of {sum(r.points for r in reports)}")
    return "\n".join(rows)


def as_json(reports):
    found = [r.as_json() for r in reports]
    return json.dumps(found[0] if len(found) == 1 else found, indent=1)


def numbered(reports):
    """Every task of every report, with a name that is its own."""
    for report in reports:
        for number, task in enumerate(report.tasks, 1):
            lab = f"lab {report.number}, " if len(reports) > 1 else ""
            yield f"{report.number}.{number}" if lab else str(number), f"{lab}{task.name}: {task.title}", task


def stops(reports):
    """Lines that say what ended a grading."""
    return [line for r in reports if r.stopped for line in "\n".join(finding_lines(r.stopped, "")).split("\n")]


def as_gradescope(reports):
    """The results.json of Gradescope's autograder, specification of 2024."""
    def output(task):
        return "\n".join([task.why] * bool(task.why) + [l for f in task.findings for l in finding_lines(f, "")])
    tests = [{"number": number, "name": name, "score": t.score, "max_score": t.points,
              "status": "passed" if t.state == "right" else "failed", "output": output(t)}
             for number, name, t in numbered(reports)]
    return json.dumps({"score": sum(r.score for r in reports), "output": "\n".join(stops(reports)), "tests": tests}, indent=1)


def as_tap(reports):
    tasks = list(numbered(reports))
    lines = ["TAP version 13", f"1..{len(tasks)}", *("# " + line for line in stops(reports))]
    for count, (_, name, task) in enumerate(tasks, 1):
        good = "ok" if task.state == "right" else "not ok"
        lines.append(f"{good} {count} - {name} ({task.score}/{task.points})")
        lines += [f"# {task.state}: {task.why}"] if task.why else []
        lines += ["# " + line for f in task.findings for line in "\n".join(finding_lines(f, "")).split("\n")]
    return "\n".join(lines)


def keep(report, path):
    """The result as JSON, written as a whole or not at all."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(report.as_json(), file, indent=1)
        file.write("\n")
    os.replace(path + ".new", path)


FORMS = {"text": lambda reports: as_text(reports[0]) if len(reports) == 1 else as_table(reports),
         "json": as_json, "gradescope": as_gradescope, "tap": as_tap, "junit": as_junit, "classroom50": as_classroom50}
