# SPDX-License-Identifier: GPL-2.0-only
"""What the reader's code did beside its task: memory, processor and hypercall page that have to stay as they were.

A part of a session (session.py): asked after each task.
"""

from .hypercall_page import bad_stubs
from .memory import PAGE, first_difference
from .processor import changed, state


class SideEffects:
    def side_effects(self, task):
        """Notes what a task's code did that it has no business with; called when nothing else was found."""
        if self.native or self.machine.ended:
            return
        broken, self.calls.broken = self.calls.broken, ""
        if broken:
            task.fail("call-broken", broken)
        before, self.processor = self.processor, state(self.machine)
        if changed(before, self.processor):
            task.fail("state-left", f"what you wrote leaves the processor in another state than it found it in: {changed(before, self.processor)}")
        bad = bad_stubs(self.guest)
        if bad:
            task.fail("page-damaged", f"entry {bad[0]} of the hypercall page is not Xen's stub any more: something wrote over it.")
        changes = self.guest.memory.changes()
        found = first_difference(changes, self.may_change())
        if found:
            paddr, old, new = found
            task.fail("memory-damaged", f"""what you wrote changes memory that it has no business with: the byte at paddr {paddr:#x},
                {self.name_of(paddr)}, was {old:#04x} and is {new:#04x} now. Whoever reads it next will not find what was there.""")
        if changes:
            self.guest.memory.accept()

    def forget_effects(self):
        """What a task left that is wrong is not the next one's fault."""
        if not self.native and not self.machine.ended:
            self.calls.broken = ""
            self.processor = state(self.machine)
            self.guest.memory.accept()

    def may_change(self):
        """The paddrs that any code may write to: the image's variables, the stack; and the page tables, which are looked at entry by entry."""
        guest = self.guest
        variables = self.elf.section(".data") or self.elf.section(".bss")
        start = variables[0] - guest.load_offset & guest.mask
        top = guest.entry_regs["rsp"]
        tables = guest.info["pt_base"], guest.info["pt_base"] + guest.info["nr_pt_frames"] * PAGE
        return [(start, guest.image_end), (top - PAGE, top), tables, *self.calls.stacks]

    def name_of(self, paddr):
        """What lies at a paddr."""
        guest = self.guest
        info, table = paddr - guest.info_paddr, paddr - guest.info["mfn_list"]
        symbol = self.elf.symbol_at(paddr + guest.load_offset & guest.mask)
        if 0 <= info < guest.info_size:
            field = next((name for name, f in guest.fields.items() if f.offset <= info < f.offset + f.size), "")
            return f"start_info.{field}" if field else "in start_info"
        if 0 <= table < guest.info["nr_pages"] * guest.word:
            return f"mfn_list[{table // guest.word:#x}], which is the p2m's"
        if symbol:
            return f"in {symbol.name}"
        if guest.info["mod_start"] <= paddr < guest.info["mod_start"] + guest.info["mod_len"]:
            return "in the module"
        return "in a page that nobody uses yet"
