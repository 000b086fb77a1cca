#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# make check-gdb: the commands under `xen` in every stage and every mode, against QEMU's own view of the page tables; and
# back and forth in time. A sample of it is in make check (tests/gdb.bats).
#
# shellcheck disable=SC2154 # good comes from lib.bash, the rest from session.bash

load ../lib
load session
unset NATIVE SYMBOLS

setup_file() {
	local mode
	good_tree
	for mode in x86_32{,-2g,-1g} x86_64; do
		make_image "$good" "$mode/stage5" "build/$mode"/stage{0,1,2,3,4}.elf "build/$mode/stage5.bzImage"
	done
	for mode in x86_32-nopae{,-2g,-1g}; do
		make_image "$good" "$mode/stage5" PAE=n "build/$mode/stage5.bzImage"
	done
}

# Every stage of a mode, and back in time in the one that does most.
under_xen() { # mode
	local stage image remapped=remapped_${1//-/_} skips
	[ "$1" = x86_64 ] || skips=$no_cr3
	for stage in 0 1 2 4 5; do
		image=$good/build/$1/stage$stage.elf
		[ "$stage" != 5 ] || image=${image%.elf}.bzImage
		checks "$image" "$no_remap" tables
	done
	EXPECT=${!remapped} checks "$good/build/$1/stage3.elf" "${skips:-none}" broken tables
	START=remap_kernel checks "$good/build/$1/stage4.elf" none travel
	SEED=3 MOVES=40 checks "$good/build/$1/stage3.elf" none walk
	SEED=4 MOVES=40 checks "$good/build/$1/stage4.elf" none walk
}

natively() { # mode
	NATIVE=y checks "$good/build/$1/stage5.bzImage" "$native_start" no-paging tables
}

@test "x86_32 under Xen" { under_xen x86_32; }
@test "x86_32 under Xen, the kernel at 2 GiB" { under_xen x86_32-2g; }
@test "x86_32 under Xen, the kernel at 1 GiB" { under_xen x86_32-1g; }
@test "x86_64 under Xen" { under_xen x86_64; }

@test "x86_32 on the bare machine" { natively x86_32; }
@test "x86_32 on the bare machine, the kernel at 2 GiB" { natively x86_32-2g; }
@test "x86_32 on the bare machine, the kernel at 1 GiB" { natively x86_32-1g; }
@test "two levels on the bare machine" { natively x86_32-nopae; }
@test "two levels on the bare machine, the kernel at 2 GiB" { natively x86_32-nopae-2g; }
@test "two levels on the bare machine, the kernel at 1 GiB" { natively x86_32-nopae-1g; }

@test "lesson 7: the transcripts are true" {
	run tools/doc/transcripts --quick lessons/7-debugging.md
	ends 0 " transcripts"
}
