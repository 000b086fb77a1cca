# SPDX-License-Identifier: GPL-2.0-only
"""Lab 1: the notes in the file, then what Xen makes of them."""

import os

from grader.machine import Fault
from grader.session import Session
from grader.stopped import Stopped
from xenabi.image import Image

from .notes import ASKED, check_predictions, check_six, outcome, without


def check(lab):
    lab.check("predictions", check_predictions, lab, os.path.join(lab.work, "predictions"))
    image = lab.build()
    lab.check("six", check_six, Image(image), lab.variant.guest_version if lab.variant else "")
    lab.check("entered", check_entered, lab, image)


def check_entered(task, lab, image):
    try:
        with Session(lab, image) as boot:
            event = boot.machine.go()
            life = boot.guest.paddr("proof_of_life")
            if not isinstance(event, Fault) or event.vector != 6 or event.ip != life:
                task.fail("no-proof", f"the image was entered, but did not come to proof_of_life: {boot.describe(event)}.")
            elif event.regs["rsi"] & boot.guest.mask != boot.guest.info_paddr:
                task.fail("no-start-info", "ESI does not hold start_info at proof_of_life.")
            boot.finish()
    except Stopped as stop:
        task.fail(stop.finding.id, stop.finding.text, stop.finding.read)


def answers():
    """The reader's files that are not code, filled in right; for the tests."""
    return {"predictions": "".join(f"{asked}: {outcome(without(asked))}\n" for asked in ASKED)}
