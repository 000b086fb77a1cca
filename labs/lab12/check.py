# SPDX-License-Identifier: GPL-2.0-only
"""Lab 12: the note in the file, then one boot without Xen, and one for each way in under Xen."""

import os

from grader.stopped import Stopped
from xenabi.image import Image

from .bare import Entered, check_bare
from .head import check_head
from .info import check_info
from .note import check_note
from .under_xen import STOCK, AsDom0, check_dom0, check_pv


def check(lab):
    image = lab.build()
    lab.check("note", check_note, Image(image))
    if lab.task("note").state == "right":
        with Entered(lab, image, PVH="qemu") as boot:
            lab.check("head", check_head, boot)
            lab.check("info", check_info, boot)
            lab.check("bare", check_bare, boot)
            boot.finish()
    else:
        for name in ("head", "info", "bare"):
            lab.check(name, None)  # skipped
    lab.check("xen", check_xen, lab, image)


def check_xen(task, lab, image):
    try:
        check_pv(task, lab, image)
        if task.state == "right" and os.path.exists(STOCK):
            with AsDom0(lab, image, name="transcript-dom0.log", PVH="dom0") as boot:
                check_dom0(task, boot)
    except Stopped as stop:
        task.fail(stop.finding.id, stop.finding.text, stop.finding.read)
