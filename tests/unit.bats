# SPDX-License-Identifier: GPL-2.0-only
#
# The unit tests (tests/unit), as a part of `make check`: the remap against model page tables, in every paging mode.

load lib

@test "the remap, in every paging mode, against a model of Xen's mmu_update" {
	make -s unit
}
