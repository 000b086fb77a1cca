# SPDX-License-Identifier: GPL-2.0-only
"""A lab: its tasks, the reader's files, and the image made of them.

Nothing but the reader's files comes from the work folder: make links them in
place of the stage's own, everything else is the tree's.
"""

import glob
import os
import re
import shutil
import sys
import tempfile

from . import toml
from .making import make_image, not_made, refuse_huge, refuse_notes, warnings_below
from .ownwork import NotOwn, look_at, look_at_folder, look_at_source, refuse_foreign, refuse_foreign_errors, taken_in
from .report import Report, Task
from .stopped import Stopped
from .variant import variant_of

SCREEN = 79  # columns
NOTES_FILES = {"stage1-notes/notes.S", "stage7-pvh/pvh-note.S"}  # labs about notes look at them themselves


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
        image, errors = make_image(self.number, self.work, self.out, words)
        if not image:
            self.own(refuse_foreign_errors, errors, self.work)
            raise not_made(errors, self.number, self.work)
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


def progress(text):
    """A line that the next one overwrites, for whoever waits at a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text[:SCREEN]}" if text else "\r\033[K", end="", file=sys.stderr, flush=True)
