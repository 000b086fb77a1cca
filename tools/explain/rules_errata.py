# SPDX-License-Identifier: GPL-2.0-only
"""The 2007 patch's errata, put back on purpose: make run ERRATUM=n. Each says its number when it runs (src/errata/)."""

from .facts import Facts
from .rule import rule


def runs(f: Facts, number: int) -> bool:
    return bool(f.guest(rf"erratum {number}:")) or f"errata/erratum-{number}.c" in f.where


@rule("erratum-1", "8-errata: 1. dom0 has no console page", "crash", rank=-1)
def _(f):
    if runs(f, 1) and f.fault and f.fault.page:
        return f"""What erratum 1 does: in dom0 console.domU.mfn is no MFN but two numbers about the screen, and its m2p entry, at VA
            {f.fault.cr2:#x}, lies far outside the m2p. Ask SIF_INITDOMAIN first. (32 bits only get away with it: the number is
            smaller, and erratum 2 makes page 0 of it.)"""


@rule("erratum-2", "8-errata: 2. Invalid becomes page 0", "crash", rank=-1)
def _(f):
    if f.guest("^erratum 2: console page") and f.fault and f.fault.page:
        return f"""What erratum 2 does: early_m2p() made PFN 0 of a page that the m2p does not know, so the limit did not take it in.
            Nobody noticed before somebody used the page, whose linked address, VA {f.fault.cr2:#x}, does not exist. An invalid MFN
            has to be an error."""


@rule("erratum-3", "8-errata: 3. Rounded up twice", "failure", rank=-1)
def _(f):
    if runs(f, 3) and "remap: limit paddr" in f.panic:
        return """What erratum 3 does: the limit was rounded up twice, and the surplus page would be the first of Xen's. Without it
            this image, the largest that can be mapped, boots. Smaller ones do not notice."""


@rule("erratum-4", "8-errata: 4. A test that is always true", "failure", rank=-1)
def _(f):
    if f.panic.startswith("erratum 4: "):
        return """What erratum 4 does: the patch takes a pgd entry in use for Xen's, and Xen gives the guest all four in use. So it
            copies pmd entries where one pgd entry would do. Nothing breaks, which is why nobody noticed. Compare the slot with the
            one that Xen's addresses are in."""


@rule("erratum-5", "8-errata: 5. A forgotten pointer", "failure", rank=-1)
def _(f):
    if runs(f, 5) and f.fault and f.function == "show_module":
        return f"""What erratum 5 does: mod_start was not repointed. It held until P=V was dropped, and the first to read the module
            after that faults, at P=V {f.fault.cr2:#x}."""


@rule("erratum-6", "8-errata: 6. BUG() prints nothing", "crash", rank=-1)
def _(f):
    if "src/errata/erratum-6.c" in f.where and f.fault and f.fault.vector == 6:
        return """What erratum 6 does: BUG() is an undefined instruction, and there is no trap table yet whose handler would say why it
            is there. Only Xen prints something, and all it knows is an address. Print first, by Xen's gate; then stop."""


@rule("erratum-7", "8-errata: 7. Not every limit can be mapped", "failure", rank=-1)
def _(f):
    if runs(f, 7) and f.xen("L2 update in Xen-private area"):
        return """What erratum 7 does: 428 pmd entries fit between PAGE_OFFSET and Xen (856 MiB), and nobody compared the limit with
            that. Entry 429 is Xen's, and the kernel is left half remapped. Compare before the first update."""


@rule("erratum-8", "8-errata: 8. boot_params that nobody filled in", "failure", rank=-1)
def _(f):
    if f.panic.startswith("erratum 8: boot_params says"):
        return """What erratum 8 does: start_info's address was to be in boot_params, but Xen's loader knows nothing of boot_params and
            fills none. It passes start_info in ESI (RSI); a kernel that wants boot_params has to fill it in itself, as stage 5 does."""
