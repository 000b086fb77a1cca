# SPDX-License-Identifier: GPL-2.0-only
"""CPUID: what the reader's answers, and whether it was Xen that answered.

Called by check.py, and by msr.py for what CPUID should say.
"""

import random

from grader.checks.asking import no_answer
from grader.machine import Fault

XEN_NAME = b"XenVMMXenVMM"
LEAF = 0x40000000
ANSWER = "guest_cpuid"  # Xen's function: leaf in ESI


def check_cpuid(task, boot):
    buffer = boot.calls.scratch()
    result, asked = watched(boot, "cpuid_is_xen", buffer)
    if result.value is None:
        return explain_cpuid_fault(task, boot, result)
    eax, ebx, ecx, edx = (boot.guest.read(buffer + 4 * i, 4) for i in range(4))
    name = ebx + ecx + edx
    highest = int.from_bytes(eax, "little")
    shown = name.decode("ascii", errors="replace").replace("\0", ".")
    said = f'your CPUID of leaf {LEAF:#x} gives EAX {highest:#x} and the name "{shown}" (EBX, ECX, EDX), not "XenVMMXenVMM"'
    if name == bytes(12) and highest in (0, LEAF):
        task.fail("cpuid-zero", f"{said}. Nothing was asked yet, or the answer was not taken out of the registers.")
    elif name[:4] in (b"TCGT", b"Genu", b"Auth", b"KVMK"):
        prefix = name[:4] in (b"TCGT", b"KVMK")
        task.fail("cpuid-no-prefix" if prefix else "cpuid-wrong-leaf", f"{said}: " + (
            "the processor below answered, not Xen. A paravirtual guest's CPUID is not intercepted: it takes the "
            "forced-emulation prefix (XEN_CPUID)." if prefix else
            f"that is the processor's maker, leaf 0. The leaf has to be in EAX when CPUID runs: {LEAF:#x}."))
    elif name != XEN_NAME and sorted((ebx, ecx, edx)) == sorted((b"XenV", b"MMXe", b"nVMM")):
        task.fail("cpuid-registers-mixed", f"{said}: the registers are mixed up. The name is in EBX, ECX, EDX, in this order.")
    elif name != XEN_NAME:
        task.fail("cpuid-wrong", f"{said}.")
    elif highest < LEAF + 2 or result.value & 0xff != 1:
        task.fail("cpuid-eax-lost", f"{said.split(' and the')[0]}: EAX has the number of the last leaf there is.")
    elif LEAF not in asked:
        task.fail("cpuid-not-asked", f"{said.split(' gives')[0]} gives the right values, but Xen was never asked: they stand in "
                  "the code. On another Xen they are others.")
    else:
        check_other_answers(task, boot)
        check_near_misses(task, boot)
        check_msr_base(task, boot)
        check_every_leaf(task, boot)


def watched(boot, name, *args):
    """Calls a function; returns the result, and the leaves that Xen was asked for meanwhile."""
    leaves = [] if boot.machine.stop_in_xen(ANSWER) else [LEAF, LEAF + 2]

    def meet(event):
        leaves.append(event.regs["rsi"] & 0xffffffff)
        return False

    result = boot.calls.call(name, *args, meet=meet)
    boot.machine.pass_by(ANSWER)
    return result, leaves


def check_other_answers(task, boot):
    """Another Xen might say other things: its answers are changed on the way, and have to arrive."""
    buffer = boot.calls.scratch()
    highest, msr = LEAF + 0x17, 0x91a5b37c
    if not boot.machine.stop_in_xen(ANSWER):
        return

    def meet(event):
        if event.regs["rsi"] & 0xffffffff == LEAF:
            answer_cpuid(boot, event, highest, *(int.from_bytes(XEN_NAME[i:i + 4], "little") for i in (0, 4, 8)))
        elif event.regs["rsi"] & 0xffffffff == LEAF + 2:
            answer_cpuid(boot, event, 1, msr, 0, 0)
        return False

    called = boot.calls.call("cpuid_is_xen", buffer, meet=meet)
    got = int.from_bytes(boot.guest.read(buffer, 4), "little")
    base = boot.calls.call("cpuid_xen_msr_base", meet=meet)
    boot.machine.pass_by(ANSWER)
    if called.value is None or got != highest:
        task.fail("cpuid-fixed", f"""where Xen answers leaf {LEAF:#x} with EAX {highest:#x}, your CPUID gives {got:#x}: a number of this machine's stands in
            the code.""")
    elif called.value & 0xff != 1:
        task.fail("cpuid-refuses", f"""where leaf {LEAF:#x} gives Xen's name and EAX {highest:#x}, cpuid_is_xen() says that it is not Xen: EAX is the last leaf, and
            there may be more of them on another Xen.""")
    elif base.value != msr:
        task.fail("cpuid-fixed", f"""where Xen answers leaf {LEAF + 2:#x} with EBX {msr:#x}, your CPUID gives {base.value or 0:#x}: a number of this machine's
            stands in the code.""")


def check_near_misses(task, boot):
    """Answers that are nearly Xen's: other hypervisors have leaves at the same numbers."""
    name = [int.from_bytes(XEN_NAME[i:i + 4], "little") for i in (0, 4, 8)]
    for position in range(3):
        for bit in (0, 9, 18, 27):  # one in each letter
            near = list(name)
            near[position] ^= 1 << bit
            if takes_for_xen(boot, LEAF + 5, *near):
                shown = b"".join(part.to_bytes(4, "little") for part in near).decode("latin-1")
                task.fail("cpuid-half-name", f"""where leaf {LEAF:#x} names {shown!a}, cpuid_is_xen() takes it for Xen, whose name is "XenVMMXenVMM": all of EBX, ECX and
                    EDX count. The next thing that the kernel does is to write an MSR.""")
                return
    if takes_for_xen(boot, LEAF + 1, *name):
        task.fail("cpuid-few-leaves", f"""where leaf {LEAF:#x} gives Xen's name, and {LEAF + 1:#x} in EAX as the last leaf, cpuid_is_xen() says that it is Xen. Leaf
            {LEAF + 2:#x} is not there then, and what it gives is no MSR's number.""")


def takes_for_xen(boot, *answer):
    """What cpuid_is_xen() says where CPUID answers so; False if this Xen cannot be made to."""
    if not boot.machine.stop_in_xen(ANSWER):
        return False
    said = boot.calls.call("cpuid_is_xen", boot.calls.scratch(), meet=lambda event: answer_cpuid(boot, event, *answer))
    boot.machine.pass_by(ANSWER)
    return said.value is not None and said.value & 0xff


def answer_cpuid(boot, event, *registers):
    """At the first instruction of guest_cpuid(vcpu, leaf, subleaf, result): has it return these, without running."""
    stub, regs = boot.machine.stub, event.regs
    stub.write(regs["rcx"], b"".join(value.to_bytes(4, "little") for value in registers))
    stub.set_register("rip", int.from_bytes(stub.read(regs["rsp"], 8), "little"))
    stub.set_register("rsp", regs["rsp"] + 8)


def check_msr_base(task, boot):
    want = own_cpuid(boot, LEAF + 2)
    result, asked = watched(boot, "cpuid_xen_msr_base")
    if result.value == want and LEAF + 2 not in asked:
        task.fail("cpuid-not-asked", f"leaf {LEAF + 2:#x} gives the right values, but Xen was never asked: they stand in the code.")
    elif result.value != want:
        got = boot.describe(result.event) if result.value is None else f"{result.value:#x}"
        task.fail("cpuid-second-leaf", f"""leaf {LEAF + 2:#x} should give {want:#x} in EBX, the number of Xen's first MSR, and yours
            gives {got}. Is the leaf that was asked for in EAX, or always the same one?""")


def check_every_leaf(task, boot):
    """early_cpuid() itself, about any leaf. Xen's answers are made up, and no two are alike; the leaves lie side by side and far apart,
    and nothing is put back between them."""
    chance = random.Random(2007)
    near = [first + n for first in (0, LEAF, 0x40000100, 0x80000000) for n in range(9)]
    leaves = [*near, *reversed(near), *(1 << bit for bit in range(32)), 0xffffffff, *(chance.getrandbits(32) for _ in range(20))]
    if not boot.machine.stop_in_xen(ANSWER):
        return
    with boot.calls.in_a_row():
        for leaf in leaves:
            asked, answer = [], [chance.getrandbits(32) for _ in range(4)]

            def meet(event, asked=asked, answer=answer):
                asked.append(event.regs["rsi"] & 0xffffffff)
                answer_cpuid(boot, event, *answer)
                return False

            result = boot.calls.call("asked_cpuid", leaf, returns=16 // boot.guest.word, meet=meet)
            want = sum(word << 32 * i for i, word in enumerate(answer))
            if result.value is None:
                explain_cpuid_fault(task, boot, result)
                break
            if leaf not in asked or result.value != want:
                got = ", ".join(f"{result.value >> 32 * i & 0xffffffff:#x}" for i in range(4))
                task.fail("cpuid-leaf", f"""early_cpuid({leaf:#x}) gives {got} as EAX, EBX, ECX and EDX, where Xen answers {', '.join(f'{word:#x}' for word in answer)}""" +
                          ("." if leaf in asked else f", and Xen was asked for {', '.join(f'{other:#x}' for other in asked) or 'nothing'}.") +
                          " Every leaf has an answer of its own, in all 32 bits of four registers.")
                break
    boot.machine.pass_by(ANSWER)


def own_cpuid(boot, leaf):
    """EBX of a leaf, asked by code of the grader's: ud2a, "xen", cpuid, mov %ebx,%eax, ret."""
    code = bytes([0x0f, 0x0b]) + b"xen" + bytes([0x0f, 0xa2, 0x89, 0xd8, 0xc3])
    code = bytes([0xb8]) + leaf.to_bytes(4, "little") + code
    return boot.calls.call_at(boot.calls.scratch(code)).value


def explain_cpuid_fault(task, boot, result):
    event = result.event
    if isinstance(event, Fault) and event.vector == 6:
        code = boot.code_at(event.ip, 7)
        task.fail("cpuid-bad-prefix", f"""an undefined instruction {boot.where(event.ip)}: the bytes there are {code.hex(' ')}. Xen takes
            it for its prefix only if it is 0f 0b 78 65 6e (ud2a, "xen"), with cpuid (0f a2) right behind.""")
    else:
        why = """CPUID changes EAX, EBX, ECX and EDX; one that the asm does not name as an output is one in which the compiler keeps
            something else.""" if isinstance(event, Fault) else ""
        no_answer(boot, "cpuid_is_xen()", result, task, "cpuid-no-answer", why)
