# SPDX-License-Identifier: GPL-2.0-only
"""A lab: its tasks, the reader's files, and the image made of them.

Nothing but the reader's files comes from the work folder: make links them in
place of the stage's own, everything else is the tree's.
"""

import glob
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile

from xenabi.image import ElfError, Image
from xenabi.notes import NoteError
from xenqemu.patience import patiently

from . import toml
from .ownwork import NotOwn, look_at, look_at_folder, look_at_source, refuse_foreign, refuse_foreign_errors, taken_in
from .report import Finding, Report, Task
from .running import end, locked, running
from .variant import variant_of

COMPILE_SECONDS = 20  # of processor time, for one process
SCREEN = 79  # columns
LARGEST_IMAGE = 8 << 20  # bytes
LARGEST_MADE, LARGEST_PROCESS = 64 << 20, 1 << 30  # bytes: a stage has 0.1 MB, its compiler takes 0.1 GB
NOTES_FILES = {"stage1-notes/notes.S", "stage7-pvh/pvh-note.S"}  # labs about notes look at them themselves
NOTES = ("GUEST_OS", "GUEST_VERSION", "XEN_VERSION", "FEATURES", "PAE_MODE", "LOADER")  # of src/stage1-notes/notes.S


# What make, compiler and linker say when a disk is full, or may not be written to; and when one was ended for its time.
NOT_READERS = re.compile(r".*(No space left on device|Disk quota exceeded|Read-only file system|[Cc]an(no|')t (create|open) .*Permission denied|"
                         r"Cannot allocate memory|command not found|bwrap: .*)")
TOO_LONG = re.compile(r"CPU time limit exceeded|Killed signal terminated|\bKilled$", re.M)


class Stopped(Exception):
    """Grading cannot go on; the finding says why."""

    def __init__(self, identifier, text, read=""):
        super().__init__(identifier)
        self.finding = Finding(identifier, text, read)


class NotGraded(Exception):
    """This machine cannot grade; says why. It is not the reader's doing."""


def numbers():
    """Of all labs, in their order."""
    return sorted(re.findall(r"labs/lab(\d+)/", " ".join(glob.glob("labs/lab*/lab.toml"))), key=int)


class Lab:
    def __init__(self, number, work=None, out=None):
        self.number = number
        self.folder = f"labs/lab{number}"
        self.work = work or f"work/lab{number}"
        self.out = out or f"build/lab{number}"
        with open(f"{self.folder}/lab.toml", "rb") as file:
            data = toml.load(file)
        with open(f"{self.folder}/lab.mk", encoding="utf-8") as file:
            self.settings = dict(re.findall(r"^([\w-]+)\s*[?:]?=\s*(.*)$", file.read(), re.M))
        tasks = [Task(**{"read": data.get("lesson", ""), **task}) for task in data["task"]]
        self.report = Report(number, data["title"], tasks)
        self.runs = data.get("run", [])
        self.report.learned, self.report.next = data.get("learned", ""), data.get("next", "")
        self.sources = self.settings.get("lab-files", "").split()
        self.variant = None

    def task(self, name):
        return next(t for t in self.report.tasks if t.name == name)

    def check(self, name, examine, *args):
        """Runs examine(task, ...) if the task may begin; it is right if that finds nothing."""
        task = self.task(name)
        if self.report.may_begin(task):
            progress(f"lab {self.number}: task {self.report.tasks.index(task) + 1}, {task.title}")
            task.state = "right"
            try:
                examine(task, *args)
            except BaseException:
                task.state = "wrong" if task.findings else "not reached"
                raise
            for session in args:
                if task.state == "right" or task.earned:
                    getattr(session, "side_effects", lambda _: None)(task)
                else:
                    getattr(session, "forget_effects", lambda: None)()
        return task.state == "right"

    def begin(self):
        """Looks at the reader's files before anything is built."""
        os.makedirs(self.out, exist_ok=True)
        for left in glob.glob(os.path.join(glob.escape(self.out), "run-*")):  # by a grade that was killed
            shutil.rmtree(left, ignore_errors=True)
        if not os.path.isdir(self.work):
            raise Stopped("no-work", f"there is no {self.work} yet: make lab LAB={self.number} makes it")
        self.own(look_at_folder, self.work)
        self.variant = self.own(variant_of, self.number, self.work)
        for source in self.sources:
            path = os.path.join(self.work, os.path.basename(source))
            self.own(look_at_source, path, os.path.join("src", source), self.again())
            if self.variant:
                self.own(self.variant.look_at, path)

    def again(self):
        return f"make lab LAB={self.number} FORCE=y makes a fresh copy and keeps this one"

    def look_at(self, path):
        """The same for a file that is no source: raises Stopped if it is none that a reader writes."""
        self.own(look_at, path, self.again())

    @staticmethod
    def own(look, *args):
        try:
            return look(*args)
        except NotOwn as error:
            raise Stopped(error.finding.id, error.finding.text) from None

    def build(self, **settings):
        """Makes the image, for one kind of kernel; returns its path."""
        progress(f"lab {self.number}: building the kernel")
        words = [f"{name}={value}" for name, value in settings.items()] + self.variant_words()
        os.makedirs("build", exist_ok=True)
        command = ["make", "--no-print-directory", "-s", "lab-image", f"LAB={self.number}", f"WORK={self.work}", f"OUT={self.out}", *words]
        with locked("build/.lab-lock"):  # two grades at once might link what the other compiles
            code, output, errors = run_limited(command, clean_environment())
        if code is None:
            raise NotGraded("make was not done in time, although the compiler did not compute that long: this machine is too busy")
        if NOT_READERS.search(errors):
            raise NotGraded("the kernel could not be built here: " + " ".join(NOT_READERS.search(errors)[0].split()))
        if TOO_LONG.search(errors):
            raise Stopped("compile-late", f"the compiler was not done after {COMPILE_SECONDS} s: "
                          "does a macro or an #include go round in a circle?")
        if code != 0:
            self.own(refuse_foreign_errors, errors, self.work)
            missing = missing_functions(errors, self.work)
            if missing:
                raise Stopped("function-missing", f"{missing} and is nowhere, in your files or elsewhere: was it deleted, misspelt, "
                              f"or made static? make lab LAB={self.number} FORCE=y makes a fresh copy, and keeps this one beside it")
            raise Stopped("compile-error", first_errors(errors))
        image = output.strip().splitlines()[-1]
        self.report.warnings = list(warnings_below(os.path.dirname(image)))
        self.own(refuse_foreign, taken_in(os.path.dirname(image)), self.work)
        if image.endswith(".elf") and not NOTES_FILES & set(self.sources):
            refuse_notes(image)
        refuse_huge(image)
        return image

    def variant_words(self):
        """What make has to be told of the variant."""
        return [f"VARIANT={self.variant.seed}"] if self.variant else []

    def module(self, size, name="module"):
        """A file to be loaded beside the kernel: none of its bytes is 0, so that whatever writes there is seen."""
        path = os.path.join(self.out, name)
        with open(path, "wb") as file:
            file.write((bytes(range(1, 256)) * (size // 255 + 1))[:size])
        return path

    def run_folder(self):
        """An empty folder for one machine."""
        return tempfile.mkdtemp(prefix="run-", dir=self.out)


def tree_image(arch, stage):
    """A stage as the tree has it, built; returns its path."""
    path = f"build/{arch}/stage{stage}.elf"
    done = subprocess.run(["make", "-s", "--no-print-directory", f"ARCH={arch}", "LAB=", "VARIANT=", path], env=clean_environment(), check=False,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise NotGraded(f"{path} could not be built: {done.stderr.strip()}")
    return path


def progress(text):
    """A line that the next one overwrites, for whoever waits at a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text[:SCREEN]}" if text else "\r\033[K", end="", file=sys.stderr, flush=True)


def warnings_below(folder):
    """What the compiler had to say of the reader's files, each once."""
    found = []
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "obj", "**", "*.log"), recursive=True)):
        with open(path, encoding="utf-8", errors="replace") as file:
            found += [line.strip().replace(os.getcwd() + "/", "") for line in file if "warning: " in line]
    return dict.fromkeys(found)


def clean_environment():
    """What make may not take from the one that called the grader."""
    return {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "STAGE", "V")}


def run_limited(command, env):
    """Runs what the reader's files are given to. Returns status, output, errors; the status is None if it took too long."""
    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (COMPILE_SECONDS, COMPILE_SECONDS))
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_MADE, LARGEST_MADE))
        resource.setrlimit(resource.RLIMIT_AS, (LARGEST_PROCESS, LARGEST_PROCESS))

    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace", env=env, start_new_session=True, preexec_fn=limit) as made, running(made):
        try:
            output, errors = made.communicate(timeout=patiently(30 * COMPILE_SECONDS))
            return made.returncode, output, errors
        except subprocess.TimeoutExpired:
            end(made)  # make, and all that it started
            return None, "", ""


def refuse_huge(image):
    """Xen has no good word for an image that the machine's memory cannot hold."""
    with open(image, "rb") as file:
        elf = file.read(4) == b"\x7fELF"
    size = sum(part.memsz for part in Image(image).loaded()) if elf else os.path.getsize(image)
    if size > LARGEST_IMAGE:
        raise Stopped("huge-image", f"the kernel takes {size >> 20} MiB of memory, and the machine has {LARGEST_IMAGE >> 20} MiB for it: "
                      "is an array of yours that large?")


def refuse_notes(image):
    """The notes are lab 1's: with others Xen would start the kernel in another way."""
    try:
        names = [note.name for note in Image(image).notes()]
    except (ElfError, NoteError):
        names = None
    if names is None or sorted(names) != sorted(NOTES):
        raise Stopped("notes-changed", "a file of yours adds to the notes that Xen reads: they stand in stage 1's notes.S, and are not "
                      "this lab's to change")


def missing_functions(text, work):
    """Functions that are in no file, and who calls them; empty if there are none."""
    found = re.findall(r"^(?:\S*ld: )?([^\s:]*).*undefined reference to [`']([\w.]+)'", text, re.M)
    names = ", ".join(f"{name}()" for name in dict.fromkeys(name for _, name in found))
    own = next((os.path.basename(path) for path, _ in found if path.startswith(work + "/")), "")
    return names and f"{names} is called by {f'your {own}' if own else 'the rest of the kernel'}"


def first_errors(text, most=4):
    """What matters of the compiler's, the assembler's or the linker's output; without the names of what make makes."""
    text = re.sub(r"\S+\.o:(?=\S)", "", text.replace(os.getcwd() + "/", ""))
    wanted = re.compile(r"error|limit exceeded|out of memory|Killed|undefined reference|multiple definition|Error:|assertion|overlaps|must ")
    lines = [line for line in text.splitlines() if wanted.search(line) and not line.startswith("make")]
    lines = lines or [line for line in text.splitlines() if not line.startswith("make")] or ["make failed"]
    more = f" (and {len(lines) - most} more)" if len(lines) > most else ""
    return "it does not compile. " + " | ".join(lines[:most]) + more
