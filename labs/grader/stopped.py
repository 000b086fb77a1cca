# SPDX-License-Identifier: GPL-2.0-only
"""Why grading ends before its end."""

from .report import Finding


class Stopped(Exception):
    """Grading cannot go on; the finding says why."""

    def __init__(self, identifier, text, read=""):
        super().__init__(identifier)
        self.finding = Finding(identifier, text, read)


class NotGraded(Exception):
    """This machine cannot grade; says why. It is not the reader's doing."""
