# SPDX-License-Identifier: GPL-2.0-only
"""What the guest finds in its memory: the p2m and start_info."""

from grader.machine import End, Loop, Stop
from xenpt.start_info import fields

from .layout import PAGE, words

MEANT = {
    "nr_pages": "how many pages it has", "shared_info": "the machine address of the page that Xen shares with it",
    "store_mfn": "the MFN of its store page", "store_evtchn": "its port for the store", "console_0": "the MFN of its console page",
    "console_1": "its port for the console", "pt_base": "the VA of its top table", "nr_pt_frames": "how many page-table pages it has",
    "mfn_list": "the VA of its p2m", "flags": "flags: it is not dom0", "mod_start": "the VA of its module, 0 if it has none", "mod_len": "the bytes of its module, 0 if it has none",
    "first_p2m_pfn": "nothing: its image asks for no p2m elsewhere", "nr_p2m_frames": "nothing: its image asks for no p2m elsewhere",
}


def sealed(task, run):
    """Whether the toolstack came as far as Xen's first look at the guest's memory."""
    if run.sealed is not None:
        return True
    how = ends_with(run)
    task.fail("not-sealed",
              f"for {run.who}, nothing was seen of a guest that is filled: the toolstack neither pinned a table nor set registers. {how}")
    return False


def ends_with(run):
    """How the run ended, as a sentence."""
    if isinstance(run.event, Stop) and run.event.name in ("dom0's end", "xen_exit"):
        said = [line for line in run.lines if "PANIC" in line][-1:]
        return f'It gave up: "{said[0].strip()}".' if said else "It ended by itself."
    if isinstance(run.event, Loop):
        return "It was still running after a minute of the machine's time."
    if isinstance(run.event, End):
        return "The machine ended."
    return "It crashed."


def check_p2m(task, run):
    if not sealed(task, run):
        return
    count = run.layout.nr_pages
    want = [run.pages[pfn] for pfn in range(count)]
    got = list(words(run.list, run.layout.word))[:count]
    if got == want:
        check_strays(task, run, "write_mfn_list")
        return
    other = words(run.list, 12 - run.layout.word)
    at = next(i for i, (a, b) in enumerate(zip(got, want)) if a != b)
    said = f"for {run.who}, entry {at:#x} of the p2m is {got[at]:#x}, and Xen gave MFN {want[at]:#x} for that PFN"
    if len(set(got)) == 1:
        task.fail("p2m-empty", f"for {run.who}, nothing was written where the layout has the p2m (PFN {run.layout.mfn_list:#x}).")
    elif list(other[:256]) == want[:256]:
        task.fail("p2m-word", f"{said}. The MFNs are there, in words of {8 * (12 - run.layout.word)} bits: the guest's have {run.layout.bits}.")
    elif got == list(range(count)):
        task.fail("p2m-pfns", f"{said}. Every PFN is listed as its own MFN: the list has to say where in the machine each page is.")
    elif got[:at] and len(set(got[at:])) == 1:
        task.fail("p2m-short", f"{said}: the list ends too early. It has an entry for each of the {count} pages.")
    elif at and got[at:at + 1] == want[at + 1:at + 2] or not at and got[0] == want[1]:
        task.fail("p2m-shifted", f"{said}: that is the next page's.")
    else:
        task.fail("p2m-wrong", f"{said}.")


def check_start_info(task, run):
    if not sealed(task, run):
        return
    layout, pages = run.layout, run.pages
    magic = b"xen-3.0-x86_64\0" if layout.bits == 64 else b"xen-3.0-x86_32p\0"
    if not run.info.startswith(magic):
        task.fail("info-magic", f"for {run.who}, start_info begins with {run.info[:16]!r}, and not with {magic!r}.")
        return
    console, store = (run.ports + [0, 0])[:2]
    want = {"nr_pages": layout.nr_pages, "shared_info": (run.shared or 0) * PAGE, "flags": 0, "store_mfn": pages[layout.store],
            "store_evtchn": store, "console_0": pages[layout.console], "console_1": console, "pt_base": layout.va(layout.tables.start),
            "nr_pt_frames": len(layout.tables), "mfn_list": layout.va(layout.mfn_list),
            "mod_start": layout.va(layout.mod_start) if layout.module else 0, "mod_len": layout.module, "first_p2m_pfn": 0, "nr_p2m_frames": 0}
    table = dict(fields(layout.bits))
    for name, value in want.items():
        field = table[name]
        got = int.from_bytes(run.info[field.offset:field.offset + field.size], "little")
        if got != value and not (name == "shared_info" and run.shared is None):
            fail_field(task, run, name, got, value)
            return
    line = table["cmd_line"]
    got = run.info[line.offset:line.offset + line.size].split(b"\0")[0].decode("latin-1")
    if got != run.words:
        task.fail("info-cmd-line", f'for {run.who}, the guest\'s command line is "{got}", and dom0\'s is "{run.words}".')
    else:
        check_strays(task, run, "write_start_info")


def check_strays(task, run, *names):
    """What these functions have written to that is another's."""
    for name, pfn in run.strays:
        if name in names:
            task.fail("memory-damaged",
                      f"for {run.who}, {name}() changes PFN {pfn:#x} of the guest's, {run.layout.name_of(pfn)}, which it has no business with.")
            return


def fail_field(task, run, name, got, want):
    layout, mfns = run.layout, {mfn: pfn for pfn, mfn in run.pages.items()}
    shown = name.replace("console_0", "console.domU.mfn").replace("console_1", "console.domU.evtchn")
    said = f"for {run.who}, start_info's {shown} is {got:#x}, and should be {want:#x}: {MEANT[name]}"
    key = name.replace("console_0", "console-mfn").replace("console_1", "console-evtchn").replace("_", "-")
    if want in mfns and got == mfns[want]:
        task.fail(f"info-{key}-pfn", f"{said}. {got:#x} is its PFN.")
    elif name in ("pt_base", "mfn_list", "mod_start") and got == want - layout.base != want:
        task.fail("info-virt-base", f"{said}. This image asks for paddr 0 at VA {layout.base:#x} (VIRT_BASE), and what start_info has are VAs.")
    elif name in ("pt_base", "mfn_list") and got == want // PAGE:
        task.fail(f"info-{key}-pfn", f"{said}. That is a PFN, and the guest follows it as a pointer.")
    elif name == "shared_info" and got * PAGE == want:
        task.fail("info-shared-info-mfn", f"{said}. That is the MFN: this field, unlike others, is an address.")
    elif name in ("store_mfn", "console_0") and got in (run.pages[layout.store], run.pages[layout.console]):
        task.fail("info-swapped", f"{said}. That is the other of the two pages.")
    elif name in ("store_evtchn", "console_1") and got in run.ports:
        task.fail("info-swapped", f"{said}. That is the other of the two ports.")
    else:
        task.fail(f"info-{key}", f"{said}.")
