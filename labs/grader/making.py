# SPDX-License-Identifier: GPL-2.0-only
"""The image, made of the reader's files: by make, within limits, and what is said where it cannot be made."""

import glob
import os
import re
import resource
import subprocess

from xenabi.image import ElfError, Image
from xenabi.notes import NoteError
from xenqemu.patience import patiently

from .running import end, locked, running
from .stopped import NotGraded, Stopped

COMPILE_SECONDS = 20  # of processor time, for one process
LARGEST_IMAGE = 8 << 20  # bytes
LARGEST_MADE, LARGEST_PROCESS = 64 << 20, 1 << 30  # bytes: a stage has 0.1 MB, its compiler takes 0.1 GB
NOTES = ("GUEST_OS", "GUEST_VERSION", "XEN_VERSION", "FEATURES", "PAE_MODE", "LOADER")  # of src/stage1-notes/notes.S

# What make, compiler and linker say when a disk is full, or may not be written to; and when one was ended for its time.
NOT_READERS = re.compile(r".*(No space left on device|Disk quota exceeded|Read-only file system|[Cc]an(no|')t (create|open) .*Permission denied|"
                         r"Cannot allocate memory|command not found|bwrap: .*)")
TOO_LONG = re.compile(r"CPU time limit exceeded|Killed signal terminated|\bKilled$", re.M)


def make_image(number, work, out, words):
    """Makes a lab's image. Returns its path and nothing, or nothing and what compiler or linker had to say."""
    os.makedirs("build", exist_ok=True)
    command = ["make", "--no-print-directory", "-s", "lab-image", f"LAB={number}", f"WORK={work}", f"OUT={out}", *words]
    with locked("build/.lab-lock"):  # two grades at once might link what the other compiles
        code, output, errors = run_limited(command, clean_environment())
    if code is None:
        raise NotGraded("make was not done in time, although the compiler did not compute that long: this machine is too busy")
    if NOT_READERS.search(errors):
        raise NotGraded("the kernel could not be built here: " + " ".join(NOT_READERS.search(errors)[0].split()))
    if TOO_LONG.search(errors):
        raise Stopped("compile-late", f"the compiler was not done after {COMPILE_SECONDS} s: "
                      "does a macro or an #include go round in a circle?")
    return ("", errors) if code else (output.strip().splitlines()[-1], "")


def not_made(errors, number, work):
    """Why there is no image."""
    missing = missing_functions(errors, work)
    if missing:
        return Stopped("function-missing", f"{missing} and is nowhere, in your files or elsewhere: was it deleted, misspelt, "
                       f"or made static? make lab LAB={number} FORCE=y makes a fresh copy, and keeps this one beside it")
    return Stopped("compile-error", first_errors(errors))


def tree_image(arch, stage):
    """A stage as the tree has it, built; returns its path."""
    path = f"build/{arch}/stage{stage}.elf"
    done = subprocess.run(["make", "-s", "--no-print-directory", f"ARCH={arch}", "LAB=", "VARIANT=", path], env=clean_environment(), check=False,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise NotGraded(f"{path} could not be built: {done.stderr.strip()}")
    return path


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
