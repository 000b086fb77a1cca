# SPDX-License-Identifier: GPL-2.0-only
"""Grades the labs' wrong answers, labs/labN/wrong.toml: tools/python -m grader.corpus [--sample N] [LAB...]
	tools/python -m grader.corpus --solution LAB FOLDER	makes a folder of files that are right

Called by `make check-labs` (all) and by the tests (a sample). A wrong answer is the
lab's solution, which is src/, with one change: sed lines applied to a file, or the
code of a snippet, or a whole file in its place, or a link. It must not get full points, and the
findings must have the one it names. labs/labN/right.toml has answers that are unusual and right, in the same
form, and those must get full points. Without --sample the solution itself is graded,
too, which must get all points, and the untouched work copy, which must get what
lab.toml says with skeleton = N (0 if it says nothing).

Two are graded at a time. Prints TAP; the exit status is 0 if all is as it should be.
"""

import argparse
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from xenqemu.patience import patiently

from . import toml
from .lab import numbers

JOBS = 2
RIGHT = "full points"


def settings(lab):
    with open(f"labs/lab{lab}/lab.mk", encoding="utf-8") as file:
        return dict(re.findall(r"^([\w-]+)\s*[?:]?=\s*(.*)$", file.read(), re.M))


def change(text, wrong):
    """The file with the wrong answer in it."""
    if "whole" in wrong:
        return wrong["whole"]
    if "snippet" in wrong:
        mark = f"//! [{wrong['snippet']}]\n"
        before, inside, after = text.split(mark)
        return before + mark + wrong["code"].lstrip("\n") + mark + after
    command = ["sed", "-E", *(word for line in wrong["sed"] for word in ("-e", line))]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def put(wrong, path):
    """Makes a file the wrong answer; False if that changes nothing."""
    if "link" in wrong:
        os.unlink(path)
        os.symlink(os.path.abspath(wrong["link"]), path)
        return True
    with open(path, encoding="utf-8") as file:
        text = file.read()
    changed = change(text, wrong)
    with open(path, "w", encoding="utf-8") as file:
        file.write(changed)
    return changed != text


def solution(lab, folder):
    """Files that are right: the source itself, and what the lab's check.py says of files that are no code."""
    os.makedirs(folder)
    for source in settings(lab).get("lab-files", "").split():
        shutil.copy(os.path.join("src", source), folder)
    for name, text in getattr(importlib.import_module(f"lab{lab}.check"), "answers", dict)().items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)


def grade(lab, work, out):
    """The result as make grade leaves it."""
    env = dict(os.environ, WORK=work, OUT=out, GRADE_FORMAT="json")
    done = subprocess.run([sys.executable, "-m", "grader", str(lab)], env=env, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=patiently(1200), check=False)
    if done.returncode not in (0, 1) or not done.stdout.startswith("{"):
        return None, done.stdout + done.stderr
    return json.loads(done.stdout), done.returncode


def try_wrong(lab, wrong, folder):
    """Returns what is not as it should be, or an empty string."""
    work, out = os.path.join(folder, "work"), os.path.join(folder, "out")
    shutil.rmtree(folder, ignore_errors=True)
    solution(lab, work)
    if not put(wrong, os.path.join(work, wrong["file"])):
        return f"the change does not fit {wrong['file']} any more"
    result, status = grade(lab, work, out)
    if result is None:
        return f"the grader failed: {status}"
    if wrong["finding"] == RIGHT:
        return "" if status == 0 else f"found {', '.join(ids(result))}"
    if status == 0 or result["score"] == result["points"]:
        return "it got full points"
    found = ids(result)
    if wrong["finding"] not in found:
        return f"found {', '.join(found) or 'nothing'}, not {wrong['finding']}"
    shutil.rmtree(folder, ignore_errors=True)
    return ""


def ids(result):
    return [f["id"] for t in result["tasks"] for f in t["findings"]] + ([result["stopped"]["id"]] if result["stopped"] else [])


def try_pair(lab, _, folder):
    """The same for the solution and the untouched copy."""
    work, out = os.path.join(folder, "work"), os.path.join(folder, "out")
    shutil.rmtree(folder, ignore_errors=True)
    clean = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    subprocess.run(["make", "-s", "lab", f"LAB={lab}", f"WORK={work}", f"OUT={out}"], env=clean, check=True, timeout=patiently(1200),
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    with open(f"labs/lab{lab}/lab.toml", "rb") as file:
        documented = toml.load(file).get("skeleton", 0)
    result, status = grade(lab, work, out)
    if result is None or status != 1 or result["score"] != documented:
        return f"untouched: {status if result is None else result['score']} points, not {documented}"
    shutil.rmtree(work)
    solution(lab, work)
    result, status = grade(lab, work, out)
    if result is None or status != 0:
        return f"solved: {status if result is None else result['score']}"
    shutil.rmtree(folder, ignore_errors=True)
    return ""


def pairs(labs):
    for lab in labs:
        yield lab, {"file": "all", "name": "untouched, and solved", "finding": "pair"}


def corpus(labs):
    """(lab, wrong answer) for each."""
    for lab in labs:
        with open(f"labs/lab{lab}/wrong.toml", "rb") as file:
            yield from ((lab, wrong) for wrong in toml.load(file)["wrong"])
        if os.path.exists(f"labs/lab{lab}/right.toml"):
            with open(f"labs/lab{lab}/right.toml", "rb") as file:
                yield from ((lab, dict(right, finding=RIGHT)) for right in toml.load(file)["right"])


def main():
    parser = argparse.ArgumentParser(prog="tools/python -m grader.corpus", description="Grades the labs' wrong answers.")
    parser.add_argument("--sample", type=int, metavar="N", help="only N of them")
    parser.add_argument("--solution", nargs=2, metavar=("LAB", "FOLDER"), help="makes a folder of files that are right instead")
    parser.add_argument("labs", nargs="*", metavar="LAB", help=f"only of these, of {' '.join(numbers())}")
    options = parser.parse_args()
    for lab in (*options.labs, *(options.solution or [])[:1]):
        if lab not in numbers():
            parser.error(f"there is no lab {lab}: one of {' '.join(numbers())}")
    if options.solution:
        if os.path.exists(options.solution[1]):
            parser.error(f"{options.solution[1]} is there already, and is not overwritten: name another folder")
        solution(*options.solution)
        return 0
    labs = options.labs or numbers()
    todo = list(corpus(labs))
    if options.sample:
        todo = todo[::max(1, len(todo) // options.sample)][:options.sample]
    else:
        todo = list(pairs(labs)) + todo
    base = os.environ.get("CORPUS") or "build/test-labs"
    print(f"1..{len(todo)}", flush=True)
    failed = 0
    with ThreadPoolExecutor(JOBS) as pool:
        runs = [pool.submit(try_pair if wrong["finding"] == "pair" else try_wrong, lab, wrong,
                            f"{base}/{lab}-{i}") for i, (lab, wrong) in enumerate(todo)]
        for number, ((lab, wrong), run) in enumerate(zip(todo, runs), 1):
            problem = run.result()
            failed += bool(problem)
            print(f"{'not ok' if problem else 'ok'} {number} - lab {lab}, {wrong['file']}: {wrong['name']} [{wrong['finding']}]")
            if problem:
                print(f"# {problem}")
            sys.stdout.flush()
    return 1 if failed or not todo else 0


if __name__ == "__main__":
    sys.exit(main())
