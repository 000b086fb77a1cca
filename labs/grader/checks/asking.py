# SPDX-License-Identifier: GPL-2.0-only
"""What the questions to a reader's functions share: a call that does not return, and pages that tell right from nearly right."""

from ..machine import Stop
from ..tables import PAGE
from .m2p import HIGH_MFN, open_m2p

LARGE = 856 << 8  # pages of the largest guest that can be remapped with 3G


def no_answer(boot, what, result, task, identifier, why=""):
    """Notes a call that did not return; False if it did."""
    if result.value is not None:
        return False
    if not isinstance(result.event, Stop):
        task.fail(identifier, f"{what} did not return: {boot.describe(result.event)}. {why}".rstrip())
    else:
        task.fail(identifier, f"{what} did not return but ended the kernel: {boot.describe(result.event)}.")
    return True


def scattered_pfn(guest):
    """A page whose MFN does not follow from that of the first page."""
    return next(pfn for pfn in range(guest.info["nr_pages"] - 1, 0, -1)
                if guest.p2m[pfn] != guest.p2m[0] + pfn)


def large(boot):
    """A start_info of a guest of 856 MiB; returns where it is, and a PFN near its end with its MFN. Nothing else of that guest is there."""
    guest, pfn = boot.guest, LARGE - 3
    at, table = guest.limit() + PAGE, 0x20000  # below the image, where nothing else is
    guest.write_info(at, nr_pages=LARGE, mfn_list=table)
    guest.write(table + pfn * guest.word, HIGH_MFN.to_bytes(guest.word, "little"))
    open_m2p(boot)(HIGH_MFN, pfn)
    return at, pfn
