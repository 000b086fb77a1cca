# SPDX-License-Identifier: GPL-2.0-only
"""Lab 6: shim and head by themselves, then the same bzImage under Xen and without.

Both machines are started at the same time; the native one stands at startup_32
until the other is done.
"""

from concurrent.futures import ThreadPoolExecutor

from grader.session import Session

from .common_head import check_head, check_others
from .native import Native, check_native
from .shim import check_shim
from .under_xen import check_xen


def check(lab):
    image = lab.build()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run_xen, lab, image)
        second = pool.submit(run_native, lab, image, first)
        first.result()
        second.result()


def run_xen(lab, image):
    with Session(lab, image) as boot:
        lab.check("shim", check_shim, boot)
        lab.check("head", check_head, boot)
        lab.check("others", check_others, boot)
        lab.check("xen", check_xen, boot)
        boot.finish()


def run_native(lab, image, first):
    with Native(lab, image, name="transcript-native.log") as boot:
        first.result()
        lab.check("native", check_native, boot)
        boot.finish()
