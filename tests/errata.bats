#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The patch's errata, put back one at a time: each run fails as its file in src/errata/ says, and in the same
# circumstances the fixed code does not.
#
# shellcheck disable=SC2154 # good and image come from lib.bash

load lib
unset ERRATUM XEN_OPTIONS

setup_file() {
	good_tree x86_32/stage{3,4,6} x86_32-2g/stage3 x86_64/stage3
}

# make run ERRATUM=n fails, and knows why.
bites() { # number, exit status of the boot
	run make -s -C "$good" run ERRATUM="$1"
	ends 2 "diagnosis: erratum-$1"$'\n'
	[[ $output == *"Error $2" ]]
}

# The same image, but with the erratum's own file changed so that it does right.
fixed() { # number, image, sed arguments
	ERRATUM=$1 fault "$2" "errata/erratum-$1.c" "${@:3}"
	boot "$image"
}

# One line, and it says what would be right.
refused() { # words, what the line says
	# shellcheck disable=SC2086 # these are separate arguments
	run make -s run $1
	ends 2 "$2"
	[[ $output != *$'\n'* ]]
}

@test "1: the m2p entry of a console page that dom0 does not have" {
	bites 1 3
	[[ $output == *"Pagetable walk from ffff814000002480:"* ]]
	fixed 1 x86_64-erratum1/stage3 '/patch_m2p\(console\)/d'
	ends 0 "reads the same at P=V and at its VA"
}

@test "2: a page that the m2p does not know vanishes from the limit" {
	bites 2 3
	[[ $output == *"Pagetable walk from 00000000c03ff000:"* ]]
	fixed 2 x86_32-erratum2/stage3 's/ret == ~0UL \? 0 : ret/ret/'
	ends 1 "PANIC: limit: MFN 0x33ff in start_info is not this guest's"
}

# bats test_tags=long
@test "1 and 2 in a domU: the union holds an MFN there, and a wrong MFN is not noticed" {
	run make -s -C "$good" run STAGE=6 ERRATUM=1
	ends 0 "erratum 1: is there a console page? Its MFN would be"
	ends 0 "the guest ended with reason 0"
	fault x86_32/stage6 stage6-toolstack/start-info.c 's/mfn_x\(guest_mfn\(of, \(of\)->store\)\)/(of)->store/'
	MODULE=$good/build/x86_32/stage3.elf boot "$image"
	ends 1 "PANIC: limit: MFN 0x10"
	make -s -C "$good" ERRATUM=2 build/x86_32-erratum2/stage3.elf
	MODULE=$good/build/x86_32-erratum2/stage3.elf boot "$image"
	ends 0 "the guest ended with reason 0"
}

# bats test_tags=long
@test "3: the surplus page keeps the largest kernel from booting" {
	bites 3 1
	fixed 3 x86_32-erratum3/stage4 's/(paddr_x\(limit\)) \+ PAGE_SIZE/\1/'
	ends 0 "erratum 3: limit paddr 0x35800000,"
	[[ $output == *"all done"* ]]
}

@test "4: nine pmd entries instead of one pgd entry" {
	bites 4 1
	[[ $output == *": 9 pmd entries copied, where 1 pgd entry does"* ]]
	fixed 4 x86_32-2g-erratum4/stage3 's/dst->pgd != 0/false/'
	ends 0 "remapped to VA 0x80000000: 1 pgd, 0 pud, 0 pmd entries"
}

@test "5: the module's address stays P=V" {
	bites 5 1
	[[ $output =~ "mod_start stays at P=V "(0x[0-9a-f]+).*"CR2 VA "([0-9a-fx]+) ]]
	[ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ]
	MODULE=$good/src/errata/erratum-5.c fixed 5 x86_32-erratum5/stage4 '/info->mod_start = /d; s/unsigned long mod_start = .*/unsigned long mod_start = 0;/'
	ends 0 "  module: "
}

@test "6: BUG() says nothing" {
	bites 6 3
	[[ $output != *PANIC* ]]
	fixed 6 x86_32-erratum6/stage2 '/#define XEN_CPUID/d; /#undef XEN_CPUID/d'
	ends 0 "stage 2: hello"
}

@test "7: an update of Xen's own entry" {
	bites 7 1
	[[ $output == *"mmu_update, number 429 of "*"-1 (EPERM)"* ]]
}

@test "8: start_info is not where boot_params says" {
	bites 8 1
	[[ $output == *"start_info is at P=V 0x0, but there is none"* ]]
	fixed 8 x86_32-erratum8/stage4 's/info = .*data;/info = esi;/'
	ends 0 "all done"
}

@test "9 cannot be run, and that is said" {
	refused "ERRATUM=9" "Initial loading isn't allowed to lowest 1GB of memory"
	[[ $output == *"These run: ERRATUM= one of 1 2 3 4 5 6 7 8"* ]]
}

@test "what does not go together is refused" {
	refused "ERRATUM=10" "ERRATUM=10 is not known here: use ERRATUM= one of 1 2 3 4 5 6 7 8"
	refused "ERRATUM=one" "ERRATUM= one of 1 2 3 4 5 6 7 8"
	run make -s run ERRATUM="1 2"
	ends 2 "ERRATUM= one of 1 2 3 4 5 6 7 8"
	refused "ERRATUM=1 STAGE=2" "STAGE= one of 3 4"
	refused "ERRATUM=1 ARCH=x86_32" "one of ARCH=x86_64;"
	refused "ERRATUM=4 VMSPLIT=3G" "one of VMSPLIT=2G VMSPLIT=1G;"
	refused "ERRATUM=5 PAE=n" "one of VMSPLIT=3G VMSPLIT=2G VMSPLIT=1G ARCH=x86_64;"
	refused "ERRATUM=5 IMAGE=x" "leave IMAGE= out"
}

# bats test_tags=long
@test "an erratum in another mode than the usual" {
	run make -s -C "$good" run ERRATUM=1 STAGE=4 ARCH=x86_64
	ends 2 "diagnosis: erratum-1"
	run make -s -C "$good" run ERRATUM=4 VMSPLIT=1G
	ends 2 "erratum 4: pgd[1] was "
	run make -s -C "$good" run ERRATUM=5 ARCH=x86_64
	ends 2 "diagnosis: erratum-5"
}
