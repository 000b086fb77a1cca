# SPDX-License-Identifier: GPL-2.0-only
"""The first instruction of a kernel that boots natively: there are no page tables. Run by tests/gdb/session.bash."""

from inside import LOOKS, check, refused, run, xen


@check
def without_paging_each_command_says_so():
    for command in LOOKS:
        refused(command, "paging is off (CR0.PG is 0): there are no page tables yet")


@check
def an_image_for_both_has_its_notes():
    assert "XEN_VERSION" in xen("notes")


run()
