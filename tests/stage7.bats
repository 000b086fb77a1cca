#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Stage 7: one file, entered as PVH by QEMU alone, in each paging mode, and as a PV guest by Xen; and what a loader, or a
# kernel, can get wrong.
#
# shellcheck disable=SC2154 # good, image, status and output come from lib.bash and bats
# shellcheck disable=SC2030,SC2031 # each test is a process of its own, and that is meant

load lib

modes=(x86_32 x86_32-2g x86_32-1g x86_32-nopae x86_64)

setup_file() { good_tree "${modes[@]/%//stage7}"; }

# Boots without Xen, by the seventh note.
by_qemu() { # image
	PVH=${PVH-qemu} NATIVE=y boot "$1"
}

@test "QEMU enters it in each paging mode, and it comes to start_kernel in ring 0" {
	for mode in "${modes[@]}"; do
		CMDLINE="first=1, second" MODULE=README.md by_qemu "$good/build/$mode/stage7.elf"
		ends 0 "in ring 0, no Xen below"
		ends 0 "tick 3"
		ends 0 "in ring 0, on a bare machine"
		ends 0 'command line: "first=1, second"'
		ends 0 "module: $(stat -c %s README.md) bytes"
	done
}

@test "so does QEMU's microvm, which has no firmware and no PC's devices" {
	for mode in x86_32 x86_64; do
		PVH=microvm by_qemu "$good/build/$mode/stage7.elf"
		ends 0 "in ring 0, on a bare machine"
	done
}

@test "the same file is a PV guest: then it is stage 4" {
	for mode in x86_32 x86_64; do
		boot "$good/build/$mode/stage7.elf"
		ends 0 "ELF: note: PHYS32_ENTRY = 0x1000"
		ends 0 "stage 4: xen_start_kernel"
		ends 0 "all done"
	done
}

@test "make run STAGE=7 chooses by PVH=, and refuses what it does not know" {
	run make run STAGE=7
	ends 0 "as PVH, by QEMU's pc machine, without Xen"
	run make run STAGE=7 PVH=n
	ends 0 "on Xen"
	run make run STAGE=7 PVH=hvm
	ends 2 "PVH=hvm is not known here"
	run make run STAGE=4 PVH=qemu
	ends 2 "use STAGE=7, or IMAGE=file"
}

@test "without the note QEMU has no way in" {
	by_qemu "$good/build/x86_32/stage7.elf"
	ends 0 "all done"
	fault x86_32/stage7 stage7-pvh/pvh-note.S '/^\telfnote/d'
	by_qemu "$image"
	ends 8 "diagnosis: pvh-no-note"
}

@test "a start_info that is none, and one that names memory beyond the mapping, are refused" {
	fault x86_32/stage7 stage7-pvh/pvh-head_32.S 's/push	%ebx/push	%esp/'
	by_qemu "$image"
	ends 1 "its magic is"
	fault x86_64/stage7 include/pvh.h 's/\(1UL << 30\)/(1UL << 22)/'
	MODULE=README.md by_qemu "$image"
	ends 1 "hvm_start_info: a module at paddr 0x3f"
}

@test "a fault is caught and named, natively too" {
	fault x86_64/stage7 stage7-pvh/pvh-enlighten.c 's/^\tstart_kernel/\t*(volatile int *)0x1234 = 0;\n&/'
	by_qemu "$image"
	ends 1 "FAULT: vector 14, error code 0x2, CR2 VA 0x1234"
}
