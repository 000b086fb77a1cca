# SPDX-License-Identifier: GPL-2.0-only
"""Does the explainer name the causes? tools/python tests/explain/run.py [--name WORDS...]: called by make check-explain.

faults.toml has a row for each fault: one or more files of src/, changed by sed -E, make an image that fails, and the run
has to name the cause. A row may take its change from a lab's wrong answers instead, or name words for make run. Two run at
a time. Prints TAP, with
what was said where it was not as it should be; the exit status is 0 if all was.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from grader import toml
from grader.corpus import change as changed

JOBS = 2
TABLE = "tests/explain/faults.toml"
MODES = {"x86_64": ["ARCH=x86_64"], "x86_32-2g": ["VMSPLIT=2G"], "x86_32-1g": ["VMSPLIT=1G"], "x86_32-nopae": ["PAE=n"]}
SECONDS = 1200
CLEAN = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "STAGE", "ARCH", "VMSPLIT", "PAE")}

Row = dict[str, Any]


def make(tree: str, mode: str, *words: str) -> None:
    done = subprocess.run(["make", "-s", "-C", tree, *MODES.get(mode, []), *words], env=CLEAN, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"it cannot be built: {done.stderr.strip()[-500:]}")


def changes(row: Row) -> Iterator[tuple[str, Row]]:
    """Files below src/, and how each is changed."""
    if "lab" in row:
        with open(f"labs/lab{row['lab']}/wrong.toml", "rb") as file:
            wrong = next(w for w in toml.load(file)["wrong"] if w["name"] == row["wrong"])
        with open(f"labs/lab{row['lab']}/lab.mk", encoding="utf-8") as settings:
            files = re.findall(r"stage\d-[\w/-]+\.[cS]", settings.read())
        yield next(f for f in files if f.endswith("/" + wrong["file"])), wrong
    for name, sed in row.get("change", {}).items():
        yield name, {"sed": [sed] if isinstance(sed, str) else sed}


def change(tree: str, name: str, how: Row) -> None:
    path = os.path.join(tree, "src", name)
    with open(path, encoding="utf-8") as file:
        before = file.read()
    after = changed(before, how)
    if after == before:
        raise RuntimeError(f"nothing in src/{name} fits this any more")
    with open(path, "w", encoding="utf-8") as file:
        file.write(after)


def make_tree(folder: str, mode: str) -> str:
    """A tree to change: what is built already need not be built again."""
    tree = os.path.join(folder, "tree")
    os.makedirs(os.path.join(tree, "build"))
    for entry in os.listdir("."):
        if entry == "src":
            shutil.copytree("src", os.path.join(tree, "src"))
        elif entry not in ("build", "work", ".git"):
            os.symlink(os.path.abspath(entry), os.path.join(tree, entry))
    subprocess.run(["cp", "-a", os.path.join("build", mode), os.path.join(tree, "build")], check=True)
    for xen in ("xen", "xen-stock"):
        os.symlink(os.path.abspath(f"build/{xen}"), os.path.join(tree, f"build/{xen}"))
    os.mkdir(os.path.join(tree, "build/no-symbols"))
    os.symlink(os.path.abspath("build/xen/xen"), os.path.join(tree, "build/no-symbols/xen"))
    return tree


def said(row: Row) -> str:
    """What the run prints."""
    mode = row["image"].partition("/")[0]
    with tempfile.TemporaryDirectory(prefix="explain.", dir="build") as folder:
        tree = make_tree(folder, mode)
        for name, how in changes(row):
            change(tree, name, how)
        if "run" in row:
            return run(tree, *row["run"])
        image = f"build/{row['image']}" + ("" if "." in row["image"] else ".elf")
        make(tree, mode, *row.get("make", []), "CC=gcc -w", image)
        for offset, data in row.get("bytes", {}).items():
            with open(os.path.join(tree, image), "r+b") as file:
                file.seek(int(offset, 0))
                file.write(bytes.fromhex(data))
        done = subprocess.run(["tools/boot", image], cwd=tree, env=dict(CLEAN, **row.get("env", {})), capture_output=True,
                              text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=SECONDS, check=False)
        return done.stdout + done.stderr


def run(tree: str, *words: str) -> str:
    """By make run: a lab as its reader gets it, a kernel of lab 7, or the changed source, where more than an image is to be made."""
    if any(word.startswith("LAB=") for word in words) and not any(word.startswith("BUG=") for word in words):
        make(tree, "", "lab", *words)
    done = subprocess.run(["make", "-s", "-C", tree, "run", "EXPLAIN=y", *words], env=CLEAN, capture_output=True, text=True,
                          errors="replace", stdin=subprocess.DEVNULL, timeout=SECONDS, check=False)
    return done.stdout + done.stderr


def judge(row: Row) -> str:
    """What is not as it should be; empty if all is."""
    try:
        text = said(row)
    except (RuntimeError, StopIteration, subprocess.SubprocessError, OSError) as error:
        return f"{type(error).__name__}: {error}"
    wanted = [row["cause"]] if isinstance(row["cause"], str) else row["cause"]
    named = re.findall(r"^diagnosis: (\S+)", text, re.M)
    missing = [words for words in row.get("says", []) if words not in re.sub(r"\s+", " ", text)]
    if named and named[0] in wanted and not missing:
        return ""
    tail = text[text.rfind("diagnosis:"):] if named else text[-600:]
    return f"not {' or '.join(wanted)}" + f", not saying {missing}" * bool(missing) + f":\n{tail}"


def chosen(args: list[str]) -> list[Row]:
    with open(TABLE, "rb") as file:
        rows: list[Row] = toml.load(file)["fault"]
    return [row for row in rows if not args or any(word in row["name"] for word in args[1:])]


def runs_here(row: Row) -> bool:
    """Debian's own Xen is not everywhere."""
    xen = row.get("env", {}).get("XEN", "")
    if not xen.startswith("build/xen-stock/") or os.path.exists(xen):
        return True
    print(f"# left out, since {xen} is not here: {row['name']}")
    return False


def main(args: list[str]) -> int:
    rows, failed = [row for row in chosen(args) if runs_here(row)], 0
    for mode, stage in sorted({tuple(row["image"].split("/")) for row in rows}):
        make(".", mode, f"build/{mode}/{stage}" + ("" if "." in stage else ".elf"))
    print(f"1..{len(rows)}", flush=True)
    with ThreadPoolExecutor(JOBS) as pool:
        for number, (row, problem) in enumerate(zip(rows, pool.map(judge, rows)), 1):
            failed += bool(problem)
            print(f"{'not ok' if problem else 'ok'} {number} - {row['name']} [{row['cause']}]")
            print("".join(f"# {line}\n" for line in problem.splitlines()), end="", flush=True)
    return 1 if failed or not rows else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
