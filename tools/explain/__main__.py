# SPDX-License-Identifier: GPL-2.0-only
"""tools/python -m explain LOG END IMAGE [WHERE]: see __init__.py. Exits 0, or 2 if it was called wrongly."""

from __future__ import annotations

import os
import sys

from . import explain
from .report import lines


def main(args: list[str]) -> int:
    if not 3 <= len(args) <= 4:
        print("usage: tools/python -m explain LOG END IMAGE [WHERE]", file=sys.stderr)
        return 2
    native = os.environ.get("NATIVE") == "y"
    for line in explain(*args, native=native, report=lines):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
