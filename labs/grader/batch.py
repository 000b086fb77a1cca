# SPDX-License-Identifier: GPL-2.0-only
"""Grades a course: tools/python -m grader.batch SUBMISSIONS [LAB...], called by `make grade-batch`.

SUBMISSIONS is a folder with one folder a student, which holds his files, or a folder labN for each lab that he did.
Environment: RESULTS=folder (build/batch), SANDBOX=none, FORCE=y, VARIANT=seed.

Every submission is copied and graded by itself, two at a time; compiler and QEMU run in tools/sandbox. What was graded
before, and has not changed since, is not graded again: so a batch that was interrupted goes on where it was. The results
are in RESULTS: results.csv, results.json, and what the grader kept of each student.

The exit status is 0 if all were graded, however well; 2 if some could not be, which never is a result of 0 points.
"""

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from xenqemu.patience import patiently

from .lab import numbers
from .ownwork import LONGEST_FILE
from .report import printable
from .running import end, end_on_signals, locked, running
from .variant import SEED

JOBS = 2
SECONDS = 600  # for one submission, by the clock
MOST_FILES = 100
COLUMNS = ("student", "lab", "score", "points", "graded", "findings", "why")


class Submission:
    """What one student handed in for one lab."""

    def __init__(self, student, lab, folder, results):
        self.student, self.lab, self.folder = student, lab, folder
        plain = re.sub(r"[^A-Za-z0-9_.-]", "_", student)[:60] + "-" + hashlib.sha256(os.fsencode(student)).hexdigest()[:8]
        self.place = os.path.join(results, f"lab{lab}", plain)
        self.row = {"student": student, "lab": lab, "graded": False, "why": ""}

    def files(self):
        """Path and beginning of each file; a link is none of his own."""
        for entry in sorted(os.scandir(self.folder), key=lambda entry: entry.name)[:MOST_FILES]:
            if entry.is_file(follow_symlinks=False):
                with open(entry.path, "rb") as file:
                    yield entry.name, file.read(LONGEST_FILE + 1)

    def key(self, kit):
        """What the result depends on."""
        found = hashlib.sha256(f"{kit} {os.environ.get('VARIANT', '')}".encode())
        for name, data in self.files():
            found.update(os.fsencode(name) + b"\0" + hashlib.sha256(data).digest())
        return found.hexdigest()

    def grade(self, kit):
        """Fills in the row, from the result of an earlier time if nothing has changed."""
        try:
            if os.path.islink(self.folder):
                raise OSError("the folder is a link")
            key, kept = self.key(kit), os.path.join(self.place, "row.json")
            if not os.environ.get("FORCE") and self.take(kept, key):
                return "as before"
            self.fill(self.run())
            os.makedirs(self.place, exist_ok=True)
            with open(kept + ".new", "w", encoding="utf-8") as file:
                json.dump(dict(self.row, key=key), file)
            os.replace(kept + ".new", kept)
        except Exception as error:  # one student's disaster is never another's
            self.row["why"] = printable(str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}")
        return ""

    def take(self, path, key):
        try:
            with open(path, encoding="utf-8") as file:
                row = json.load(file)
        except (OSError, ValueError):
            return False
        if row.pop("key", None) != key or not row["graded"]:
            return False
        self.row = row
        return True

    def run(self):
        """The grader's status and output, on a copy."""
        work = os.path.join(self.place, "work")
        shutil.rmtree(self.place, ignore_errors=True)
        os.makedirs(work)
        for name, data in self.files():
            with open(os.path.join(work, name), "wb") as file:
                file.write(data)
        env = dict(os.environ, WORK=work, OUT=os.path.join(self.place, "out"), GRADE_FORMAT="json")
        with subprocess.Popen([sys.executable, "-m", "grader", self.lab], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True) as grader, running(grader):
            try:
                output, errors = grader.communicate(timeout=patiently(SECONDS))
            except subprocess.TimeoutExpired:
                end(grader)
                return 2, "", f"not at its end after {SECONDS} s"
        return grader.returncode, output, errors

    def fill(self, result):
        status, output, errors = result
        if status not in (0, 1):
            self.row["why"] = printable(" ".join(errors.split())[-300:] or f"the grader ended with status {status}")
            return
        report = json.loads(output)
        found = [f["id"] for task in report["tasks"] for f in task["findings"]]
        found += [report["stopped"]["id"]] if report["stopped"] else []
        self.row.update(graded=True, score=report["score"], points=report["points"], findings=found, tasks=report["tasks"])

    def line(self):
        row = self.row
        said = f"{row['score']} of {row['points']}" if row["graded"] else f"not graded: {row['why']}"
        return f"{printable(self.student)}, lab {self.lab}: {said}"


def submissions(folder, labs, results):
    """One for each student and lab that there is something of."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if not entry.is_dir() or entry.name.startswith("."):
            continue
        for lab in labs:
            own = os.path.join(entry.path, f"lab{lab}")
            if os.path.isdir(own):
                yield Submission(entry.name, lab, own, results)
            elif len(labs) == 1:
                yield Submission(entry.name, lab, entry.path, results)


def kit():
    """Whatever a result depends on beside what was handed in: of a kit that was changed, all is graded anew."""
    found = hashlib.sha256()
    for top in ("labs", "src", "gdbscripts"):
        for folder, folders, names in os.walk(top):
            folders.sort()
            for name in sorted(names):
                with open(os.path.join(folder, name), "rb") as file:
                    found.update(name.encode() + hashlib.sha256(file.read()).digest())
    return found.hexdigest()


# ---- the results ------------------------------------------------------------------


def cell(value):
    """A value that no spreadsheet takes for a formula."""
    text = printable(" ".join(value) if isinstance(value, list) else str(value))
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text


def keep(all_of_them, results):
    rows = [one.row for one in all_of_them]
    with open(os.path.join(results, "results.json.new"), "w", encoding="utf-8") as file:
        json.dump(rows, file, indent=1)
    with open(os.path.join(results, "results.csv.new"), "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        table.writerows([cell(row.get(name, "")) for name in COLUMNS] for row in rows)
    for name in ("results.json", "results.csv"):
        os.replace(os.path.join(results, name + ".new"), os.path.join(results, name))


def grade_all(todo, results):
    """Grades them, and says so one by one; what is known is kept, also of a batch that was interrupted."""
    what = kit()
    try:
        with ThreadPoolExecutor(JOBS) as pool:
            runs = [pool.submit(one.grade, what) for one in todo]
            try:
                for done, (one, run) in enumerate(zip(todo, runs), 1):
                    said = run.result()
                    print(f"[{done}/{len(todo)}] {one.line()}" + f" ({said})" * bool(said), flush=True)
            finally:
                pool.shutdown(cancel_futures=True)
    finally:
        keep(todo, results)
    return 0 if all(one.row["graded"] for one in todo) else 2


def refuse(why):
    print(f"grade-batch: {why}", file=sys.stderr)
    return 2


def sandboxed():
    """Whether a sandbox can be had; without one, strangers' files are compiled and run only if the teacher says so."""
    if os.environ.get("SANDBOX") == "none":
        os.environ["SANDBOX"] = ""
        print("without a sandbox: compiler and QEMU may read whatever you may", file=sys.stderr)
        return True
    os.environ["SANDBOX"] = "y"
    return subprocess.run(["tools/sandbox", "true"], check=False, stdin=subprocess.DEVNULL).returncode == 0


def main(arguments):
    known = numbers()
    folder, labs = (arguments or [""])[0], arguments[1:] or known
    if not os.path.isdir(folder):
        return refuse(f"no folder {folder or 'named'}: SUBMISSIONS=folder, with one folder a student in it")
    if not set(labs) <= set(known):
        return refuse(f"LAB={' '.join(labs)} is not known here: use one of {' '.join(known)}")
    if not SEED.fullmatch(os.environ.get("VARIANT") or "none"):
        return refuse("VARIANT= is a word of up to 40 letters, digits, - and _")
    if not sandboxed():
        return refuse("there is no sandbox: bubblewrap is not installed, or may not be used here. SANDBOX=none does without")
    results = os.environ.get("RESULTS") or "build/batch"
    try:
        os.makedirs(results, exist_ok=True)
        with locked(os.path.join(results, ".lock")):
            todo = list(submissions(folder, labs, results))
            if not todo:
                return refuse(f"nothing of lab {' '.join(labs)} is in {folder}: a folder a student, with his files or with labN folders in it")
            status = grade_all(todo, results)
    except OSError as error:
        return refuse(f"the results cannot be kept: {error}")
    print(f"results: {results}/results.csv, {results}/results.json")
    return status


if __name__ == "__main__":
    end_on_signals()
    sys.exit(main(sys.argv[1:]))
