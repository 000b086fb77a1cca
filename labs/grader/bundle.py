# SPDX-License-Identifier: GPL-2.0-only
"""The grader of one lab, packed for a course's service: tools/python -m grader.bundle SERVICE LAB FILE, called by
`make gradescope LAB=n` and `make classroom50 LAB=n`.

Both hold the kit as it is here, with the hypervisor built, so that nothing is compiled there but what the student wrote:

	gradescope	setup.sh, run_autograder, kit/		upload it as the autograder
	classroom50	autograder.py, kit/			unpack it into CLASSROOM/autograders/ASSIGNMENT/

A student hands in the files of his work folder (work/labN), with nothing around them.
Source: Gradescope's "Autograder Specifications"; Classroom 50's wiki, "Advanced Autograding".
"""

import os
import subprocess
import sys
import zipfile

from .lab import numbers

HYPERVISOR = ("xen", "xen-syms", "xen-syms.frames.json", "version")
KEPT_OUT = ("build", "work", ".git")

SETUP = """#!/bin/sh
# Prepares the machine, once: the packages that building a kernel and grading it need.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends make
cd "${{AUTOGRADER:-/autograder}}/source/kit"
tools/doctor --need run,lab
"""

RUN = """#!/bin/sh
# Grades a submission. The status is not 0 if it could not be graded, which is never the student's doing.
set -eu
autograder=${{AUTOGRADER:-/autograder}}
mkdir -p "$autograder/results"
cd "$autograder/source/kit"
status=0
VARIANT={variant} WORK=$autograder/submission OUT=$autograder/graded GRADE_FORMAT=gradescope tools/python -m grader {lab} \\
	>"$autograder/results/new.json" || status=$?
[ "$status" -le 1 ] || exit "$status"
mv "$autograder/results/new.json" "$autograder/results/results.json"
"""

CLASSROOM = '''#!/usr/bin/env python3
"""Grades a submission: the runner calls this in the student's checkout. The status is not 0 if it could not be graded."""

import os
import pathlib
import subprocess
import sys

kit = pathlib.Path(__file__).resolve().parent / "kit"
work = pathlib.Path.cwd()
ready = subprocess.run([kit / "tools/doctor", "--need", "run,lab"], cwd=kit, check=False)
if ready.returncode:
    sys.exit(ready.returncode)
environment = dict(os.environ, WORK=str(work), OUT=str(kit / "build/graded"), GRADE_FORMAT="classroom50", VARIANT="{variant}")
done = subprocess.run([kit / "tools/python", "-m", "grader", "{lab}"], cwd=kit, env=environment, check=False, stdout=subprocess.PIPE)
if done.returncode > 1:
    sys.exit(done.returncode)
(work / "result.json").write_bytes(done.stdout)
'''

SERVICES = {"gradescope": {"setup.sh": SETUP, "run_autograder": RUN}, "classroom50": {"autograder.py": CLASSROOM}}


def kit_files():
    """The files of the tree: what git knows of, or in a tarball all that nobody made here."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [name for name in listed.stdout.splitlines() if os.path.isfile(name)]
    found = []
    for folder, folders, names in os.walk("."):
        folders[:] = [name for name in folders if os.path.normpath(os.path.join(folder, name)) not in KEPT_OUT]
        found += [os.path.normpath(os.path.join(folder, name)) for name in names]
    return found


def pack(service, lab, path):
    with zipfile.ZipFile(path + ".new", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in kit_files():
            archive.write(name, "kit/" + name)
        for name in HYPERVISOR:
            if os.path.exists(f"build/xen/{name}"):
                archive.write(f"build/xen/{name}", f"kit/build/xen/{name}")
        for name, text in SERVICES[service].items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o100755 << 16
            archive.writestr(entry, text.format(lab=lab, variant=os.environ.get("VARIANT", "")))
    os.replace(path + ".new", path)


def main(arguments):
    if len(arguments) != 3 or arguments[0] not in SERVICES or arguments[1] not in numbers():
        print(f"bundle: usage: {'|'.join(SERVICES)} LAB FILE, with a lab of {' '.join(numbers())}", file=sys.stderr)
        return 2
    service, lab, path = arguments
    try:
        pack(service, lab, path)
    except OSError as error:
        print(f"bundle: {path} cannot be made: {error.strerror}", file=sys.stderr)
        return 2
    print(f"{path}: {os.path.getsize(path) >> 10} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
