# SPDX-License-Identifier: GPL-2.0-only
"""remap_limit(), asked about start_infos in which each thing in turn lies highest.

Xen lays them out in one order, and a limit that forgets one of them may look
right. So the function gets made-up ones, beside the true one.
"""

from xenpt.start_info import SIF_INITDOMAIN

from ..guest import page_align
from .asking import no_answer

PAGE = 4096
FREE = 16 * PAGE  # Xen maps at least 512 KiB beyond what it uses: what is made up lies there
NAMES = {
    "image": "the image's end", "start-info": "start_info itself", "page-tables": "the page tables (pt_base, nr_pt_frames)",
    "p2m": "the p2m (mfn_list, an unsigned long for each of nr_pages)", "boot-stack": "Xen's boot stack, which you run on",
    "module": "the module (mod_start, mod_len)", "console": "the console page, which start_info names by its MFN",
    "store": "the xenstore page, which start_info names by its MFN",
}


class Asked:
    """One made-up start_info: where it lies, and what in it differs from Xen's."""

    def __init__(self, boot, at, **fields):
        self.calls, self.at = boot.calls, at
        boot.guest.write_info(at, **{"mod_start": 0, "mod_len": 0, **fields})

    def ask(self, stack=None):
        return self.calls.call("remap_limit", self.at, returns=1, stack=stack)


def check_limit(task, boot):
    guest = boot.guest
    true = guest.limit()
    result = boot.calls.call("remap_limit", guest.info_paddr, returns=1)
    if judge(task, boot, "of the start_info that Xen made", result, true, highest(guest.extents())):
        return
    here, far = true + PAGE, true + FREE
    low = 0x20000  # paddr of free memory below the image
    guest.write(low, guest.read(guest.info["mfn_list"], len(guest.p2m) * guest.word))
    small = dict(pt_base=0x2000, nr_pt_frames=1, mfn_list=low)
    large = dict(nr_pages=0x501234)
    foreign = max(guest.p2m) + 1
    cases = [
        ("page-tables", here, dict(pt_base=far, nr_pt_frames=3), far + 3 * PAGE, None),
        ("p2m", here, dict(mfn_list=far, nr_pages=0x1001), page_align(far + 0x1001 * guest.word), None),
        ("module", here, dict(mod_start=far, mod_len=0x1234), far + 2 * PAGE, None),
        ("module", here, dict(mod_start=far, mod_len=1), far + PAGE, None),
        ("module", here, dict(mod_start=far, mod_len=PAGE), far + PAGE, None),
        ("module", here, dict(mod_start=far, mod_len=PAGE + 65), far + 2 * PAGE, None),
        # A guest of 20 GiB: nothing of it is there, so what is asked for is arithmetic.
        ("page-tables", here, dict(large, pt_base=0x2a000000, nr_pt_frames=0x1a3), 0x2a000000 + 0x1a3 * PAGE, None),
        ("p2m", here, dict(large, mfn_list=0x2bcde000), page_align(0x2bcde000 + large["nr_pages"] * guest.word), None),
        ("module", here, dict(large, mod_start=0x29876000, mod_len=0x1234567), page_align(0x29876000 + 0x1234567), None),
        ("start-info", far, {}, far + PAGE, None),
        ("boot-stack", here, {}, far + 2 * PAGE, far + 2 * PAGE),
        ("image", 0x1000, small, page_align(guest.image_end), 0x8000),
        ("console", here, dict(flags=0, console_mfn=guest.p2m[far // PAGE], store_mfn=guest.p2m[0]), far + PAGE, None),
        ("store", here, dict(flags=0xff00, console_mfn=guest.p2m[0], store_mfn=guest.p2m[far // PAGE]), far + PAGE, None),
    ]
    with boot.calls.in_a_row():
        for name, at, fields, want, stack in cases:
            result = Asked(boot, at, **fields).ask(stack)
            if mfn_as_pfn(task, fields, result.value, want, guest.mask) or judge(task, boot, f"where {NAMES[name]} lies highest", result, want, name):
                return
    dom0 = dict(flags=SIF_INITDOMAIN, console_mfn=guest.p2m[far // PAGE])
    if judge(task, boot, "of a first domain", Asked(boot, here, **dom0).ask(), here + PAGE, "dom0-console"):
        return
    result = Asked(boot, here, flags=0, console_mfn=foreign, store_mfn=guest.p2m[0]).ask()
    if result.value is not None:
        task.fail("limit-invalid-ignored", f"""a start_info whose console page is MFN {foreign:#x}, not this guest's, gets
            limit paddr {result.value:#x} silently. Whoever asked for that page will not get it: panic().""",
                  "lessons/8-errata.md")


def mfn_as_pfn(task, fields, got, want, mask):
    """Whether one of start_info's MFNs was taken for the page's number in the guest."""
    for name, mfn in fields.items():
        if name in ("store_mfn", "console_mfn") and got != want and got in (mfn * PAGE & mask, (mfn + 1) * PAGE & mask):
            task.fail("limit-mfn-as-pfn", f"""remap_limit() of a start_info whose {name} is {mfn:#x} gives paddr {got:#x}: that number times the page size. It is
                an MFN; which page of the guest's that is, early_m2p() tells.""")
            return True
    return False


def highest(extents):
    return max(extents, key=extents.get)


def judge(task, boot, where, result, want, name):
    """Compares one answer; True if it is wrong, and noted."""
    got, guest = result.value, boot.guest
    said = f"remap_limit() {where} gives paddr {got or 0:#x}, not {want:#x}"
    dom0 = guest.info["flags"] & SIF_INITDOMAIN
    if got is None:
        if dom0 and name not in ("console", "store") and "MFN" in boot.describe(result.event):
            dom0_console(task, f"remap_limit() {where} ended the kernel: {boot.describe(result.event)}")
        else:
            no_answer(boot, f"remap_limit() {where}", result, task, "limit-no-answer")
    elif got == want:
        return False
    elif name == "dom0-console" and got > want + 2 * PAGE:
        dom0_console(task, said)
    elif got == 0:
        task.fail("limit-zero", f"{said}. There is nothing in it yet, or it loses everything.")
    elif got > want and got - want <= 2 * PAGE and got % PAGE == 0:
        task.fail("limit-surplus", f"""{said}: {(got - want) // PAGE} page(s) more than needed. Round up once: an end that is
            page aligned already must stay. And add nothing for the stack: it lies where ESP says. (The patch added a page twice;
            harmless, until it is not.)""", "lessons/8-errata.md")
    elif got % PAGE and page_align(got) == want:
        task.fail("limit-not-aligned", f"{said}: right, but not rounded up to a page.")
    elif want - PAGE == got and name in ("image", "start-info", "p2m", "module"):
        task.fail("limit-rounded-down", f"{said}: rounded down, so that the page begun last is missing. (Or {NAMES[name]} is forgotten.)")
    elif got == want // PAGE:
        task.fail("limit-pages", f"{said}: that is a number of pages. A paddr_t holds bytes.")
    elif got == want + guest.page_offset & guest.mask or got > guest.load_offset:
        task.fail("limit-va", f"{said}: a virtual address is among what you compare. All here are paddrs; image_end() is one, too.")
    elif got < want:
        task.fail(f"limit-lacks-{name}", f"{said}: it does not reach over {NAMES.get(name, name)}.")
    else:
        task.fail("limit-too-far", f"{said}. Beyond what the kernel uses nothing may be mapped, and an empty entry would be copied.")
    return True


def dom0_console(task, said):
    task.fail("limit-dom0-console", f"""{said}. For a first domain (SIF_INITDOMAIN) console is not a page: the union holds
        dom0's info_off and info_size there, and no xenstore page exists.""", "lessons/8-errata.md")
