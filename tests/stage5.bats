#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Stage 5: one bzImage that boots under Xen and on the bare machine, and what its source can get wrong.
#
# shellcheck disable=SC2154 # good, image and top come from lib.bash
# shellcheck disable=SC2030,SC2031 # each test is a process of its own, and that is meant
# shellcheck disable=SC2016 # a dollar is the assembler's

load lib
unset NATIVE

native_modes="x86_32 x86_32-2g x86_32-1g x86_32-nopae x86_32-nopae-2g x86_32-nopae-1g"

make_bzimage() { # tree, mode, more arguments
	local pae=()
	[[ $2 != *-nopae* ]] || pae=(PAE=n)
	make_image "$1" "$2/stage5" "${pae[@]}" "${@:3}" "build/$2/stage5.bzImage"
}

setup_file() {
	good_tree x86_32{,-nopae}{,-2g,-1g}/stage5 x86_64/stage5
	for mode in $native_modes x86_64; do
		make_bzimage "$good" "$mode"
	done
}

setup() {
	file=$good/build/x86_32/stage5.bzImage
}

natively() { # image
	NATIVE=y boot "$1"
}

# ---- the same file, both ways ----

# The kernel has to run where it is linked: at the mode's PAGE_OFFSET, or in the top 2 GiB.
runs_in() { # mode, ring, machine
	local va
	case $1 in
	*64) va=ffffffff801 ;;
	*-2g) va=801 ;;
	*-1g) va=401 ;;
	*) va=c01 ;;
	esac
	ends 0 "start_kernel at VA 0x$va"
	[[ $output == *"in ring $2, on $3"$'\r'$'\n'* || $output == *"in ring $2, on $3"$'\n'* ]]
}

@test "under Xen, in every mode that it runs" {
	for mode in x86_32 x86_32-2g x86_32-1g x86_64; do
		boot "$good/build/$mode/stage5.bzImage"
		runs_in "$mode" "$([ "$mode" = x86_64 ] && echo 3 || echo 1)" Xen
		ends 0 ": subarch 2, start_info at P=V 0x1"
	done
}

@test "under Debian's own Xen, 64-bit" {
	[ -e build/xen-stock/xen ] || skip "needs Debian's own Xen: tools/build-xen --stock"
	XEN=$top/build/xen-stock/xen boot "$good/build/x86_64/stage5.bzImage"
	runs_in x86_64 3 Xen
}

@test "natively, in every 32-bit mode" {
	for mode in $native_modes; do
		natively "$good/build/$mode/stage5.bzImage"
		runs_in "$mode" 0 "a bare machine"
		ends 0 ": subarch 0, nobody below"
	done
}

@test "natively, 64-bit: says that this is left out" {
	natively "$good/build/x86_64/stage5.bzImage"
	ends 1 "the kernel in it is 64-bit, and that boots under Xen only"
	ends 1 "diagnosis: native-64bit"
}

@test "command line and module reach it both ways" {
	printf 'abc\377' >"$BATS_TEST_TMPDIR/module" # 97 + 98 + 99 + 255
	export CMDLINE="one two=3,4 five" MODULE=$BATS_TEST_TMPDIR/module
	boot "$file"
	ends 0 'command line: "one two=3,4 five"'
	ends 0 ", sum of bytes 549"
	natively "$file"
	ends 0 'command line: "one two=3,4 five"'
	ends 0 "module: 4 bytes at VA 0xc"
	ends 0 ", sum of bytes 549"
}

# The machine that tools/boot uses, with another option.
machine() { # QEMU option...
	mkdir "$BATS_TEST_TMPDIR/machine"
	NATIVE=y run limit tools/machine "$BATS_TEST_TMPDIR/machine" "$file" "$@" </dev/null
}

@test "memory is what the BIOS says" {
	machine -m 100
	ends 33 "e820: maddr 0x100000 to 0x63dffff, usable"
	ends 33 "memory: 25471 pages (99 MiB)"
}

@test "a processor without PAE is told apart, and runs PAE=n" {
	machine -cpu pentium2,-pae
	ends 35 "PANIC: this processor has no PAE"
	rm -r "$BATS_TEST_TMPDIR/machine"
	file=$good/build/x86_32-nopae/stage5.bzImage
	machine -cpu pentium2,-pae
	ends 33 "all done"
}

@test "make run knows stage 5 and NATIVE=y, and refuses what cannot be" {
	run make -s -C "$good" run STAGE=5 NATIVE=y
	ends 0 "in ring 0, on a bare machine"
	run make -s -C "$good" run STAGE=5
	ends 0 "in ring 1, on Xen"
	run make -s -C "$good" run STAGE=4 NATIVE=y
	ends 2 "stage 4 cannot do without: use STAGE=5"
	run make -s -C "$good" run STAGE=5 NATIVE=yes
	ends 2 "use NATIVE= one of y n"
	natively "$good/build/x86_32/stage5.elf"
	ends 2 "is an ELF file, and NATIVE=y boots a bzImage"
}

# ---- mistakes in the source ----

# A stage 5 with one file of src/ changed.
faulty_source() { # mode, file below src/, sed arguments
	fault "$1/stage5" "${@:2}"
	make_bzimage "$BATS_TEST_TMPDIR/tree" "$1" WARN=-w
	image=${image%.elf}.bzImage
}

# bats test_tags=long
@test "the shim names another subarch" {
	faulty_source x86_32 stage5-boot-protocol/head_32.S 's/\$SUBARCH_XEN/$9/'
	boot "$image"
	ends 1 "diagnosis: unknown-subarch"
	rm -r "$BATS_TEST_TMPDIR/tree"
	faulty_source x86_64 stage5-boot-protocol/head_64.S 's/\$SUBARCH_XEN/$SUBARCH_PC/'
	boot "$image"
	ends 1 "hardware_subarch is 0, and this kernel knows only 2 (a Xen guest). Stop."
}

# bats test_tags=long
@test "the shim names a protocol without subarchs: that means a PC" {
	faulty_source x86_64 stage5-boot-protocol/head_64.S 's/\$PROTOCOL_SUBARCH, BP_version\(%rax\)/$0x206, BP_version(%rax)/'
	boot "$image"
	ends 1 "hardware_subarch is 0, and this kernel knows only 2 (a Xen guest). Stop."
	rm -r "$BATS_TEST_TMPDIR/tree"
	faulty_source x86_32 stage5-boot-protocol/head_32.S 's/\$PROTOCOL_SUBARCH, pa\(xen/$0x206, pa(xen/'
	boot "$image"
	ends 3 "diagnosis: taken-for-a-pc"
}

# bats test_tags=long
@test "the shim stores ESI too late" {
	faulty_source x86_32 stage5-boot-protocol/head_32.S -e '/movl	%esi, pa\(xen_boot_params/d' \
		-e 's/^(	jmp	startup_32)/	movl	%esi, pa(xen_boot_params + BP_hardware_subarch_data)\n\1/'
	boot "$image"
	ends 3 "diagnosis: start_info-lost"
}

@test "natively, an exception is a reset, and is called so" {
	faulty_source x86_32 stage5-boot-protocol/native_32.c 's/^	paravirt_ops = .*/	asm volatile("ud2");/'
	natively "$image"
	ends 7 "diagnosis: native-reset"
}

# bats test_tags=long
@test "natively, a loop is found, with its place" {
	faulty_source x86_32 stage5-boot-protocol/native_32.c 's/^	paravirt_ops = .*/	for (;;) ;/'
	SILENCE=2 natively "$image"
	ends 5 "diagnosis: native-silent"
	ends 5 "native_start_kernel, src/stage5-boot-protocol/native_32.c:"
}

@test "a kernel too large for its place is refused" {
	faulty_source x86_32 stage5-boot-protocol/subarch.c '$a char huge[2 << 20];'
	natively "$image"
	ends 1 "the kernel's ELF file wants memory that is not for it"
}
