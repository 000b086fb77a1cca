# SPDX-License-Identifier: GPL-2.0-only
"""Stage 7: entered as PVH, by QEMU, by Xen as dom0, or as a domain of stage 6's."""

import re
import struct

from .rule import rule

LESSON = "11-pvh"
INFO, RANGE = struct.Struct("<4I4Q2I"), struct.Struct("<2Q")  # hvm_start_info: magic to memmap_entries, and reserved; paddr and size of a module
ENTRY, RAM = struct.Struct("<2QI"), 1  # of the memory map
MODULE_ENTRY, MAP_ENTRY, MOST_MODULES = 32, 24, 8  # bytes of an entry of each list; modules that are looked at
PAE = """QEMU's TCG sets ACCESSED in the top-level entries of PAE tables, where the manual reserves that bit. Xen has to read the
    instruction VMMCALL to step over it, finds the bit on the way there, gives up, and enters the guest at the same
    instruction again."""


@rule("pvh-no-note", LESSON, "qemu")
def _(f):
    if f.pvh != "n" and any("without PVH ELF Note" in line for line in f.said.lines):
        return """QEMU found no note of type PHYS32_ENTRY in the file, in a segment of type PT_NOTE: without it, it does not know where to
            enter an ELF file. Of the stages, only stage 7 has it."""


@rule("pvh-no-note-xen", LESSON, "refusal")
def _(f):
    if f.xen("^Unable to find XEN_ELFNOTE_PHYS32_ENTRY"):
        return """Xen was asked to enter this image as PVH (dom0=pvh), and it has no note PHYS32_ENTRY, which says where. As a PV dom0 it may
            boot all the same: PVH=n."""


@rule("pvh-virtual-entry-xen", LESSON, "refusal")
def _(f):
    if f.pvh == "dom0" and f.xen("^ERROR: ELF start or entries are out of bounds"):
        return """The note PHYS32_ENTRY holds an address outside the image as it is loaded: a virtual one, from which LOAD_OFFSET was not
            taken."""


@rule("pvh-no-iommu", LESSON, "refusal")
def _(f):
    if f.xen("iommu must be enabled for PVH hardware domain"):
        return """A PVH dom0's devices write to memory by its own addresses, which are not the machine's: Xen needs an IOMMU to translate
            them. The machine has none (QEMU: -device amd-iommu), or an option of Xen's turned it off."""


@rule("pvh-no-svm", LESSON, "refusal")
def _(f):
    if f.pvh == "dom0" and f.xen("^Error creating d0: -(22|95)"):
        return """This processor has no virtualization, or not the second level of page tables (AMD: SVM and NPT, Intel: VT-x and EPT), and
            Xen makes no PVH guest without them. QEMU imitates AMD's: -cpu EPYC."""


@rule("pvh-xen-without-hvm", LESSON, "refusal")
def _(f):
    if f.pvh == "dom0" and f.xen(r"^\*\*\* Building a PV Dom0"):
        return """This Xen went past dom0=pvh and began a PV dom0: it was built without CONFIG_HVM, as the kit's own is. XEN=stock has it."""


@rule("pvh-domain-refused", LESSON, "failure")
def _(f):
    if f.pvh == "domU" and f.panic.startswith("hypercall refused: domctl(createdomain)") and f.xen("^HVM: Hardware Assisted Paging"):
        return """Xen makes no such domain, and it makes others: it has found the second level of page tables, Hardware Assisted Paging. A PVH domain's flags are XEN_DOMCTL_CDF_hvm and XEN_DOMCTL_CDF_hap, both, its emulation_flags XEN_X86_EMU_LAPIC alone: create_domain()
            (src/stage6-toolstack/create.c) fills them in."""
    if f.pvh == "domU" and f.panic.startswith("hypercall refused: domctl(createdomain)"):
        return """Xen makes no PVH domain here: it was built without CONFIG_HVM (XEN=stock has it), or the processor has no virtualization
            (QEMU imitates AMD's: -cpu EPYC)."""


@rule("pvh-domain-pae", LESSON, "failure")
def _(f):
    if re.match("toolstack: domain [0-9]+ is not at its end", f.panic) and f.guest(r"^\[domain [0-9]+\]   paging on: three levels"):
        return f"""The guest's first hypercall with paging on never ends. {PAE} Use GUEST_ARCH=x86_64, or GUEST_PAE=n."""


@rule("pvh-start-info", LESSON, "failure")
def _(f):
    found = f.guest(r"hvm_start_info at paddr 0x([0-9a-f]+): its magic is 0x([0-9a-f]+) instead of 0x([0-9a-f]+)")
    put = f.guest(r"^toolstack: hvm_start_info is at paddr 0x([0-9a-f]+)")
    if not found:
        return None
    if found[2] == found[3]:
        return f"What was found at paddr 0x{found[1]} is hvm_start_info: its magic is 0x{found[2]}, as it has to be. The comparison in pvh_check_start_info() is the wrong way round, or of another field than was printed."
    at, right = int(found[1], 16), int(put[1], 16) if put else f.bare.info if f.bare else None
    kind = "" if right is None else f"; the true one is at paddr {right:#x}" if at != right else ", where it has to be: something wrote over it, or the loader did not fill it in"
    why = ": EBX got a PFN, and takes a paddr" if right and at == right >> 12 else ""
    return f"""What the kernel took for hvm_start_info is at paddr {at:#x}{kind}{why}. EBX has its paddr at the first instruction: whoever loads the kernel puts it there, and the head has to
        pass it on before it uses that register."""


@rule("pvh-start-info-range", LESSON, "failure")
def _(f):
    """What the kernel found beyond what is mapped, and what stands in hvm_start_info."""
    said = re.match(r"hvm_start_info: (.*) at paddr 0x([0-9a-f]+), 0x([0-9a-f]+) bytes, is beyond what is mapped, 0x([0-9a-f]+)", f.panic)
    data = f.bare.read_paddr(f.bare.info, INFO.size) if said and f.bare and f.bare.info else b""
    if len(data) < INFO.size:
        return None
    _, version, _, modules, list_at, command, _, map_at, entries, _ = INFO.unpack(data)
    ranges = {"the list of modules": [(list_at, modules * MODULE_ENTRY)], "the command line": [(command, 1)], "the memory map": [(map_at, entries * MAP_ENTRY)],
              "a module": [RANGE.unpack(f.bare.read_paddr(list_at + n * MODULE_ENTRY, RANGE.size).ljust(RANGE.size, b"\0")) for n in range(min(modules, MOST_MODULES))]}
    at, size, limit = (int(said[n], 16) for n in (2, 3, 4))
    right = ", ".join(f"paddr {a:#x}, {b:#x} bytes" for a, b in ranges[said[1]] if a or b)
    if (at, size) in ranges[said[1]]:
        return None if at + size > limit else f"{said[1].capitalize()} is at paddr {at:#x}, {size:#x} bytes, as hvm_start_info says, and that ends below {limit:#x}, so it is mapped: the comparison in check_range() is wrong."
    which = f"it has {modules} modules" + \
        (f", at {right}" if right else "") if said[1] == "a module" else f"it has {said[1]} at {right or 'no place, for there is none'}"
    return f"""The kernel read of {said[1]} at paddr {at:#x}, {size:#x} bytes. hvm_start_info, at paddr {f.bare.info:#x}, does not say so: of version {version}, {which}. So another field was read, or one entry more than there are, by another size of an entry, or the arguments of check_range()
        were exchanged: it takes the paddr, then the bytes (hvm-start-info.c)."""


@rule("pvh-memory-map", LESSON, "failure")
def _(f):
    """Ranges that the kernel printed, and those of the map that hvm_start_info names."""
    said = re.match("memory map: no RAM at paddr 0x([0-9a-f]+)", f.panic)
    data = f.bare.read_paddr(f.bare.info, INFO.size) if said and f.bare and f.bare.info else b""
    if len(data) < INFO.size:
        return None
    *_, map_at, entries, _ = INFO.unpack(data)
    lines = (re.match("  memory: paddr 0x([0-9a-f]+) to 0x([0-9a-f]+)", line) for line in f.said.guest)
    right, printed = _ram(f, map_at, entries), [(int(m[1], 16), int(m[2], 16)) for m in lines if m]
    if not right or printed == right:
        return None
    places = (*f.passed.items(), ("its own paddr", f.bare.info))
    others = [f"{name} ({at:#x})" for name, at in places if at != map_at and _ram(f, at, entries) == printed]
    same = f" What was printed is what one finds if the map is looked for where {' or '.join(others)} leads." if others else ""
    return f"""The map is at paddr {map_at:#x} (hvm_start_info's memmap_paddr) and has {entries} entries (memmap_entries). Of type 1, RAM, are {_ranges(right)}. The kernel found {_ranges(printed)}, so it read another place, or other fields of an entry.{same} show_map_of_start_info()
        (pvh-memory.c) has to begin at memmap_paddr, and an entry has {MAP_ENTRY} bytes: addr, size, and type."""


def _ram(f, paddr: int, entries: int) -> list[tuple[int, int]]:
    """The first and the last paddr of each range of RAM in a list of entries."""
    data = f.bare.read_paddr(paddr, entries * MAP_ENTRY)
    found = [ENTRY.unpack_from(data, at) for at in range(0, len(data) - ENTRY.size + 1, MAP_ENTRY)]
    return [(first, first + size - 1 & (1 << 64) - 1) for first, size, kind in found if kind == RAM]


def _ranges(found: list[tuple[int, int]]) -> str:
    return " and ".join(f"paddr {first:#x} to {last:#x}" for first, last in found[:MOST_MODULES]) or "none"


@rule("pvh-pae-accessed", LESSON, "silence")
def _(f):
    if f.pvh == "dom0" and f.bits == 32 and f.where_said == "xen" and f.guest("^stage 7: pvh_entry"):
        return f"""The first hypercall with paging on never ends, as it is with PAE tables. {PAE} Use ARCH=x86_64 or PAE=n."""
