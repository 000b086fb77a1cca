# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: what was in the struct that a refused domctl was given, and in the registers that it names."""

import re

from xenabi.headers import value
from xenabi.structs import struct
from xenpt.memory import PAGE_SHIFT

FIELDS = "cmd interface_version domain".split()
CREATE = "flags iommu_opts max_vcpus max_evtchn_port max_grant_frames max_maptrack_frames grant_opts".split()
# What is filled in for an operation, below u.
OWN = {"createdomain": [f"createdomain.{name}" for name in CREATE], "set_address_size": ["address_size.size"], "max_vcpus": ["max_vcpus.max"], "max_mem": ["max_mem.max_memkb"],
       "hypercall_init": ["hypercall_init.gmfn"], "sethvmcontext": ["hvmcontext.size"]}
COMMANDS = "createdomain destroydomain unpausedomain getdomaininfo max_mem setvcpucontext max_vcpus hypercall_init set_address_size sethvmcontext".split()
CONTEXT = "u.vcpucontext.vcpu", "u.vcpucontext.ctxt"  # of struct xen_domctl
MOST = 4096  # bytes of registers that are looked at


def asked(f) -> str:
    """The struct that the refused call was given."""
    call = f.refused if f.seen else None
    layout = struct(f.bits, "struct xen_domctl", *FIELDS, *(f"u.{name}" for names in OWN.values() for name in names))
    data = f.seen.peek(call.args[0], layout.size) if call and call.name == "domctl" else None
    if not data:
        return ""
    cmd, version, domain = (layout.number(data, name) for name in FIELDS)
    name = _commands().get(cmd, "")
    told = f"Its struct says: cmd {cmd} ({name or 'no operation'}), interface_version {version:#x}, domain {domain}"
    told += "".join(f", {field.partition('.')[2]} {layout.number(data, f'u.{field}'):#x}" for field in OWN.get(name, []))
    if name == "set_address_size" and layout.number(data, "u.address_size.size") not in (32, 64):
        told += ", and a width is 32 or 64 bits"
        if not layout.number(data, "u.address_size.size"):
            told += ": image_parse() finds it in the image's ELF header, and has to come before create_domain()"
    return told + "."


def _commands() -> dict[int, str]:
    return {value("XEN_DOMCTL_" + name): name for name in COMMANDS}


def context(f) -> tuple[bytes, int]:
    """The registers that setvcpucontext was given, and the vcpu; empty if they are not known."""
    call = f.refused if re.match(r"hypercall refused: domctl\(setvcpucontext\)", f.panic) and f.seen else None
    layout = struct(f.bits, "struct xen_domctl", *CONTEXT)
    data = f.seen.peek(call.args[0], layout.size) if call else None
    vcpu, at = (layout.number(data, name) for name in CONTEXT) if data else (0, 0)
    return (f.seen.peek(at, MOST) if at else None) or b"", vcpu


def in_context(f, mfn: int) -> bool:
    """Whether a word there is a cr3 of that MFN."""
    return (mfn << PAGE_SHIFT & 0xFFFFFFFF).to_bytes(4, "little") in context(f)[0]
