# SPDX-License-Identifier: GPL-2.0-only
"""Called by `make explore` and `make record`:

	tools/python -m explore [--json] [--symbols ELF] [--title TEXT] [--at MOMENT] [--flag=[--any|--proof-of-life]] IMAGE FILE

Boots IMAGE under Xen, as tools/boot does (with its environment), and writes the recording to FILE: a page, or JSON. The
exit status says whether there is a file; how the boot ended stands in it.
"""

import argparse
import json
import os
import sys

from xenabi.entry import native_entry
from xenabi.image import ElfError, Image
from xenqemu.monitor import MonitorError

from . import document, page
from .boot import RecordError
from .debug_info import DebugInfo, ELFError
from .recording import record


def main() -> None:
    parser = argparse.ArgumentParser(prog="explore", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="the recording alone")
    parser.add_argument("--symbols", help="the ELF file with the symbols, if IMAGE has none itself")
    parser.add_argument("--title")
    parser.add_argument("--at", help="at which moment the page is to open, such as event=mmu_update,2")
    parser.add_argument("--flag", default="", help="for tools/boot")
    parser.add_argument("image")
    parser.add_argument("file")
    arguments = parser.parse_args()
    if os.environ.get("ACCEL", "tcg") != "tcg":
        sys.exit("explore: only QEMU's own processor can be recorded: leave ACCEL= out")
    try:
        write(arguments)
    except (RecordError, MonitorError, ElfError, ELFError, OSError) as error:
        sys.exit(f"explore: {error}")


def write(arguments: argparse.Namespace) -> None:
    image = Image(arguments.symbols or arguments.image)
    info = DebugInfo(image)
    entry = native_entry(image) if os.environ.get("NATIVE") == "y" else 0
    recording = record(arguments.image, info.bits, [arguments.flag] if arguments.flag else [], entry)
    data, events = document.make(recording, info, arguments.title or os.path.basename(arguments.image))
    text = json.dumps(data, separators=(",", ":")) + "\n" if arguments.json else page.make(data, page.pictures_of(events))
    with open(arguments.file + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(arguments.file + ".new", arguments.file)
    print(os.path.abspath(arguments.file) + (f"#{arguments.at}" if arguments.at else ""))


main()
