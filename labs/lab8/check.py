# SPDX-License-Identifier: GPL-2.0-only
"""Lab 8: the walk by calls, the remap by stage 3's own boot, the rest by stage 4's.

Both boot at the same time; stage 4 waits for what stage 3 has shown.
"""

from concurrent.futures import ThreadPoolExecutor

from grader.checks.jump import Arrival, check_arrival, check_life
from grader.session import Session
from grader.watch import Watch

from .fourlevels import check_levels
from .pudroad import Remapped, check_direct_map, check_text


def check(lab):
    images = [lab.build(STAGE=stage, LARGE="y") for stage in (3, 4)]
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run_remap, lab, images[0])
        second = pool.submit(run_kernel, lab, images[1], first)
        first.result()
        second.result()


def run_remap(lab, image):
    with Session(lab, image) as boot:
        lab.check("get_pud", check_levels, boot)
        run = Remapped(boot)
        lab.check("direct_map", check_direct_map, run)
        lab.check("text", check_text, run)
        boot.finish()


def run_kernel(lab, image, first):
    with Session(lab, image, name="transcript-stage4.log") as boot:
        first.result()
        lab.check("start_kernel", check_kernel, boot)
        boot.finish()


def check_kernel(task, boot):
    boot.watch = Watch(boot)
    check_arrival(task, boot, Arrival(boot))
    if task.state == "right":
        check_life(task, boot)
