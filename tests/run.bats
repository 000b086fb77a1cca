#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# make run, stage by stage: it ends well, and the machine is in the state that the stage is about. And the variables:
# what is wrong is refused in one line.
#
# shellcheck disable=SC2154 # setup_file sets runs, lib.bash good and image; bats sets output

load lib

bats_require_minimum_version 1.5.0

setup_file() {
	good_tree x86_32/stage{0,1,2,3,4}
	export runs=$BATS_FILE_TMPDIR/runs
	cp -a "$good" "$runs"
}

# make run, in one tree for all tests: several at a time are as good as several terminals.
make_run() { # variables
	run make -C "$runs" --no-print-directory run "$@"
}

# One line, in make's words.
refused() { # what it says, variables
	run --separate-stderr make -C "$runs" --no-print-directory run "${@:2}"
	[ "$status" = 2 ]
	[ -z "$output" ]
	[ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == *$1* ]]
}

@test "stage 0: Xen enters it at its linked address" {
	make_run STAGE=0
	ends 0 "succeeded"
	[[ $output == *"entered at VA 0xc010"* && $output == *"ENTRY ADDRESS: 00000000c0100000"* ]]
}

@test "stage 1: Xen's dump shows the proof of life" {
	make_run STAGE=1
	ends 0 "succeeded"
	[ "$(grep -c ': ok$' <<<"$output")" = 4 ]
	grep -q "ENTRY ADDRESS: 0000000000100000" <<<"$output"
}

@test "stage 1: a crash elsewhere is no proof of life" {
	fault x86_32/stage1 stage1-notes/early.c 's/proof_of_life: ud2/ud2; proof_of_life: ud2/'
	boot --proof-of-life "$image"
	ends 3 "NO, expected"
	[ "$(grep -c ': ok$' <<<"$output")" = 3 ]
}

# bats test_tags=long
@test "stage 1: start_info in another register is no proof of life" {
	fault x86_32/stage1 stage1-notes/early.c 's/"S"\(info\)/"D"(info), "S"(0)/'
	boot --proof-of-life "$image"
	ends 3 "NO, expected"
}

@test "stage 2: Xen has filled the hypercall page" {
	make_run STAGE=2
	ends 0 "succeeded"
	[[ $output == *"stub 18 is b8 12 00 00 00 cd 82 c3"* ]]
}

@test "stage 3: every page at both addresses, by one mmu_update" {
	make_run STAGE=3
	ends 0 "succeeded"
	[[ $output == *"1 pmd entries, in one mmu_update"* && $output == *"reads the same at P=V and at its VA"* ]]
	[[ $output == *"pmd[0] VA 0xc0000000: MFN"* ]]
}

@test "stage 4: start_kernel, with its command line and module" {
	echo "a module" >"$BATS_TEST_TMPDIR/module"
	make_run STAGE=4 CMDLINE="root=none, really" MODULE="$BATS_TEST_TMPDIR/module"
	ends 0 "succeeded"
	[[ $output == *"xen_start_kernel at VA 0xc010"* && $output == *"P=V dropped"* && $output == *"tick 3"* ]]
	[[ $output == *"start_kernel at VA 0xc010"* && $output == *'"root=none, really"'* ]]
	[[ $output == *"module: 9 bytes at VA 0xc0"*", sum of bytes 785"* ]]
}

@test "stage 5, the bzImage" {
	make_run STAGE=5
	ends 0 "succeeded"
}

@test "a reader's image" {
	make_run IMAGE=build/x86_32/stage4.elf
	ends 0 "succeeded"
}

@test "a failure is make's failure" {
	make_run IMAGE=none.elf
	ends 2 "image none.elf does not exist"
}

@test "make run twice at once" {
	make -C "$runs" --no-print-directory run STAGE=3 VMSPLIT=2G >"$BATS_TEST_TMPDIR/one" 2>&1 3>&- &
	make_run STAGE=3 VMSPLIT=2G
	wait $!
	ends 0 "succeeded"
	grep -q "succeeded" "$BATS_TEST_TMPDIR/one"
}

# A link that leads nowhere is like a folder that nobody may write to: root may write anywhere else.
@test "a tree that cannot be written to is refused in words; build may be a link" {
	local tree=$BATS_TEST_TMPDIR/tree
	mkdir "$tree" "$BATS_TEST_TMPDIR/elsewhere"
	ln -s "$top"/[!b]* "$tree/"
	ln -s /dev/null/nowhere "$tree/build"
	run make --no-print-directory -C "$tree" run
	ends 2 "build/ cannot be written to: use a copy of this tree, or let build be a link"
	run make --no-print-directory -C "$tree"
	ends 0 "make run"
	ln -sfn "$BATS_TEST_TMPDIR/elsewhere" "$tree/build"
	run make --no-print-directory -C "$tree" build/x86_32/stage1.elf
	[ "$status" = 0 ]
	[ -s "$BATS_TEST_TMPDIR/elsewhere/x86_32/stage1.elf" ]
}

group_is_gone() { ! kill -0 -- "-$1" 2>/dev/null; }

# As a terminal does it: the signal goes to make and everything below it.
@test "Ctrl-C on make run leaves nothing behind" {
	local group
	fault x86_32/stage2 stage2-hypercall/early.c 's/xen_exit\(VERDICT_SUCCESS\)/for (;;)/'
	setsid env --default-signal=INT make -C "$runs" run IMAGE="$image" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	group=$!
	within 300 grep -q "^stage 2:" "$BATS_TEST_TMPDIR/out"
	kill -INT -- "-$group"
	! wait "$group" || return 1
	within 100 group_is_gone "$group"
	grep -q "interrupted" "$BATS_TEST_TMPDIR/out"
}

# ---- bad values: one line that names the variable, and a good value ----

@test "bad variables are refused, with the good ones" {
	refused "use STAGE= one of 0 1 2 3 4" STAGE=9
	refused "use STAGE= one of" STAGE=
	refused "use STAGE= one of" "STAGE=1 2"
	refused "use ARCH= one of x86_32 x86_64" ARCH=i386
	refused "use PAE= one of y n" PAE=yes
	refused "use VMSPLIT= one of 3G 2G 1G" VMSPLIT=4G
	refused "use ACCEL= one of tcg kvm" ACCEL=hvf
	refused "one paging mode" ARCH=x86_64 VMSPLIT=2G
	refused "nothing here knows a variable CFLAG" CFLAG=-O2
	refused "SLOW=0 is not a factor" SLOW=0
	run make --no-print-directory grade LAB=3 ARCH=x86_64
	ends 2 "leave ARCH= out"
	run make --no-print-directory grade LAB=all PAE=n
	ends 2 "leave PAE= out"
}

# How often the compiler was called, and with which words.
compiled() { # words, more arguments for make
	make -C "$BATS_TEST_TMPDIR/tree" V=1 "${@:2}" build/x86_32/stage1.elf | grep -cF -- "$1" || :
}

@test "other flags, another compiler: all is made again, and CFLAGS= comes behind what is needed" {
	cp -a "$runs" "$BATS_TEST_TMPDIR/tree"
	compiled " -c " >/dev/null
	[ "$(compiled " -c ")" = 0 ]
	[ "$(compiled "-fpie")" = 0 ]
	[ "$(compiled " -DSOME" CFLAGS=-DSOME)" -gt 2 ]
	[ "$(compiled " -c " CFLAGS=-DSOME)" = 0 ]
	[ "$(compiled "-fpie")" -gt 2 ]
	[ "$(compiled "gcc -g0 " CC="gcc -g0")" -gt 2 ]
}

# The offset between P=V and VA must not end up in a 32-bit relocation, whatever a compiler can foresee of it.
# bats test_tags=long
@test "clang, and lld: stages link and boot, in both widths" {
	command -v clang || skip "no clang here"
	local tree=$BATS_TEST_TMPDIR/tree linker
	cp -a "$runs" "$tree"
	for linker in ld $(command -v ld.lld); do
		for stage in 3 4 5; do
			for width in ARCH=x86_32 ARCH=x86_64 VMSPLIT=1G; do
				run make -C "$tree" run STAGE=$stage $width CC=clang LD="$linker"
				ends 0 "succeeded"
			done
		done
	done
	# The grader asks the same compiler where the fields of Xen's structs lie.
	fields='from xenabi.structs import struct; print(struct(32, "start_info_t", "mfn_list"), struct(64, "start_info_t", "mfn_list"))'
	CC=clang run tools/python -c "$fields"
	ends 0 "$(tools/python -c "$fields")"
}

# As on a machine of another kind: what the plain names lead to is of no use there.
# bats test_tags=long
@test "CROSS_COMPILE=: nothing is made or read by the plain names" {
	local tool tools=$BATS_TEST_TMPDIR/wrong
	command -v x86_64-linux-gnu-gcc || skip "no x86_64-linux-gnu-gcc here"
	mkdir "$tools"
	for tool in gcc cc cpp ld as nm objcopy objdump readelf addr2line strip; do
		printf '#!/bin/sh\necho "%s $*" >>%s\nexit 1\n' "$tool" "$BATS_TEST_TMPDIR/calls" >"$tools/$tool"
	done
	chmod +x "$tools"/*
	cp -a "$runs" "$BATS_TEST_TMPDIR/tree"
	rm -rf "$BATS_TEST_TMPDIR"/tree/build/x86_*
	for stage in 4 5; do
		run env PATH="$tools:$PATH" make -C "$BATS_TEST_TMPDIR/tree" run STAGE=$stage CROSS_COMPILE=x86_64-linux-gnu-
		ends 0 "succeeded"
	done
	[ ! -e "$BATS_TEST_TMPDIR/calls" ] || { cat "$BATS_TEST_TMPDIR/calls"; false; }
}

@test "a hypervisor that is not there is refused" {
	run make -C "$runs" --no-print-directory run STAGE=3 XEN="$BATS_TEST_TMPDIR/none"
	[ "$status" = 2 ]
	[[ $output == *"$BATS_TEST_TMPDIR/none"* ]]
}

@test "make diff says what each new file is for, in a whole sentence" {
	local stage
	for stage in 0 1 2 3 4 5 6 7; do
		make -s diff STAGE=$stage | awk 'NR > 1 && /^$/ { exit } NR > 1 && /^  [^ ]/ && text !~ /[.:]$/ { bad = text } { text = $0 }
			END { if (bad || text !~ /[.:]$/) { print bad text; exit 1 } }' || { echo "stage $stage"; return 1; }
	done
}
