#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Stage 7: one file, entered as PVH by QEMU alone, in each paging mode, and as a PV guest by Xen; and what a loader, or a
# kernel, can get wrong.
#
# shellcheck disable=SC2154 # good, image, status and output come from lib.bash and bats
# shellcheck disable=SC2016 # dollars in sed are assembly's
# shellcheck disable=SC2030,SC2031 # each test is a process of its own, and that is meant

load lib

modes=(x86_32 x86_32-2g x86_32-1g x86_32-nopae x86_64)

setup_file() { good_tree "${modes[@]/%//stage7}" x86_64/stage6 x86_32/stage6; }

# Boots without Xen, by the seventh note.
by_qemu() { # image
	PVH=${PVH-qemu} NATIVE=y boot "$1"
}

@test "QEMU enters it in each paging mode, and it reaches start_kernel in ring 0" {
	for mode in "${modes[@]}"; do
		CMDLINE="first=1, second" MODULE=README.md by_qemu "$good/build/$mode/stage7.elf"
		ends 0 "in ring 0, no Xen below"
		ends 0 "tick 3"
		ends 0 "in ring 0, on a bare machine"
		ends 0 'command line: "first=1, second"'
		ends 0 "module: $(stat -c %s README.md) bytes"
	done
}

@test "so does QEMU's microvm, which has hardly any of a PC's devices" {
	for mode in x86_32 x86_64; do
		PVH=microvm by_qemu "$good/build/$mode/stage7.elf"
		ends 0 "in ring 0, on a bare machine"
	done
}

# Boots on Debian's Xen, which has what PVH needs.
as_dom0() { # image
	[ -e build/xen-stock/xen ] || skip "needs Debian's own Xen: tools/build-xen --stock"
	PVH=dom0 XEN=${on-$top/build/xen-stock/xen} boot "$1"
}

@test "Xen enters it as PVH dom0: events, ticks, and the memory map by a hypercall" {
	for mode in x86_64 x86_32-nopae; do
		CMDLINE="first=1, second" MODULE=README.md as_dom0 "$good/build/$mode/stage7.elf"
		ends 0 "in ring 0, Xen below"
		ends 0 "tick 3"
		ends 0 "in ring 0, on Xen as PVH"
		ends 0 "hvm_start_info: version 0, flags 0x3"
		ends 0 "memory: 4095 pages (15 MiB)"
		ends 0 'command line: "first=1, second"'
		ends 0 "module: $(stat -c %s README.md) bytes"
	done
}

# Has a stage 6 on Debian's Xen build it as a PVH guest.
as_domU() { # image, stage 6's mode if it is not 64 bits
	[ -e build/xen-stock/xen ] || skip "needs Debian's own Xen: tools/build-xen --stock"
	guest=$1
	CMDLINE="guest=pvh${CMDLINE+ $CMDLINE}" MODULE=$guest PVH=domU XEN=${on-$top/build/xen-stock/xen} \
		boot "$good/build/${2-x86_64}/stage6.elf"
}

@test "stage 6 builds a PVH domain of it, of either width, with a module" {
	for mode in x86_64 x86_32-nopae; do
		as_domU "$good/build/$mode/stage7.elf"
		ends 0 "one vcpu, PVH"
		ends 0 "[domain 1]   tick 3"
		ends 0 "in ring 0, on Xen as PVH"
		ends 0 "[domain 1]   hvm_start_info: version 1, flags 0x0"
		ends 0 "[domain 1]   memory: 1024 pages (4 MiB)"
		ends 0 "the guest ended with reason 0 (poweroff)"
	done
	run make run STAGE=7 PVH=domU XEN=stock PAE=n MODULE=README.md CMDLINE="x y"
	ends 0 "[domain 1]   module: $(stat -c %s README.md) bytes"
	ends 0 'command line: "x y '
}

@test "stage 6 builds a PV domain of it, too" {
	run make run STAGE=6 GUEST=7 GUEST_ARCH=x86_64
	ends 0 "[domain 1] stage 4: xen_start_kernel"
	ends 0 "the guest ended with reason 0 (poweroff)"
}

@test "the same file is a PV guest: then it is stage 4" {
	for mode in x86_32 x86_64; do
		boot "$good/build/$mode/stage7.elf"
		ends 0 "ELF: note: PHYS32_ENTRY = 0x10"
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

# bats test_tags=long
@test "matrix: stage 7 by every way in, in every mode; as PVH with fewer hypercalls than as PV" {
	run tools/matrix '7/*'
	for mode in "${modes[@]}"; do
		verdict="succeeded"
		[ "$mode" != x86_32-nopae ] || verdict="refused as it should be (diagnosis: two-levels)"
		echo "7 $mode built $verdict"
		case $mode in x86_64) [ ! -e build/xen-stock/xen ] || echo "7 $mode stock $verdict" ;; esac
		printf "7 $mode %s succeeded\n" qemu microvm
		case $mode in x86_32 | x86_64) echo "7 $mode pv-domU succeeded" ;; esac
		case $mode in x86_64 | *-nopae) [ ! -e build/xen-stock/xen ] || printf "7 $mode %s succeeded\n" dom{0,U} ;; esac
	done >"$BATS_TEST_TMPDIR/rows"
	ends 0 "$(wc -l <"$BATS_TEST_TMPDIR/rows") boots"
	seen=$(sed '1d;$d' <<<"$output" | tr -s ' ')
	diff <(sort "$BATS_TEST_TMPDIR/rows") <(cut -d' ' -f1-3,8- <<<"$seen" | sort)
	grep -qE '^7 x86_64 built pgd\+pud 3 [0-9]+ [0-9]+ succeeded$' <<<"$seen"
	grep -qE '^7 x86_64 qemu - 0 0 [0-9]{5} succeeded$' <<<"$seen"
	[ -e build/xen-stock/xen ] || return 0
	grep -qE '^7 x86_64 dom0 - 0 [0-9]+ [0-9]{5} succeeded$' <<<"$seen"
	calls() { awk -v below="$1" '$2 == "x86_64" && $3 == below { print $6 }' <<<"$seen"; }
	[ "$(calls dom0)" -lt "$(calls built)" ]
}

@test "GDB: the entry without paging, hvm_start_info, the kernel's own tables" {
	run limit make --no-print-directory gdb STAGE=7 CMDLINE="a b" MODULE=README.md GDB_OPTIONS="-batch -ex 'xen pt' \
		-ex 'xen start-info' -ex 'hbreak start_kernel' -ex continue -ex 'xen pt walk start_kernel' -ex 'xen back'"
	ends 0 "startup_pvh ()"
	ends 0 "paging is off (CR0.PG is 0)"
	[[ $output =~ hvm_start_info\ is\ at\ paddr\ 0x.*version\ +1\ .*\"a\ b\".*module\ 0\ .*"$(stat -c %s README.md) bytes" ]]
	[[ $output =~ pgd\[3\]\ .*PRESENT\ ACCESSED.*pmd\[0\]\ .*so\ VA\ 0xc01.*is\ paddr\ 0x1 ]]
	ends 0 "no M2P here: a PVH guest's frames are its own"
	ends 0 "pvh_start_kernel () at"
}

# bats test_tags=long
@test "GDB under Xen: memory is the guest's own, and the second level of tables is shown" {
	[ -e build/xen-stock/xen ] || skip "needs Debian's own Xen: tools/build-xen --stock"
	PVH=dom0 XEN=$top/build/xen-stock/xen CMDLINE="a b" run limit tools/gdb "$good/build/x86_64/stage7.elf" -batch \
		-ex 'x/i $pc' -ex 'xen start-info' -ex 'xen pt' -ex 'xen p2m 0x100' -ex 'break start_kernel' -ex continue \
		-ex 'p/x pvh_start_info->magic' -ex 'xen pt limit 1' -ex 'xen m2p 1' -ex 'xen back' -ex continue -ex continue -ex 'echo done'
	ends 0 "<startup_pvh>:"
	ends 0 '"a b"'
	ends 0 "paging is off (CR0.PG is 0)"
	[[ $output =~ PFN\ 0x100\ is\ MFN\ 0x[0-9a-f]+,\ by\ the\ second\ level.*pte\[256\] ]]
	ends 0 "= 0x336ec578"
	ends 0 "no M2P here: a PVH guest's frames are its own"
	ends 0 "only a PV guest has that"
	ends 0 "no checkpoints here"
	ends 0 "the end: native_exit"
	ends 0 "this is the end of the boot"
}

# ---- what can go wrong, and what is said of it ----

# The end of a run, and the diagnosis.
diagnosed() { # exit status, name
	ends "$1" "diagnosis: $2"$'\n'
}

note=stage7-pvh/pvh-note.S
head=stage7-pvh/pvh-head_32.S
long=stage7-pvh/pvh-head_64.S

@test "no note: neither QEMU nor Xen has a way in" {
	fault x86_64/stage7 $note '/^\telfnote/d'
	by_qemu "$image"
	diagnosed 8 pvh-no-note
	as_dom0 "$image"
	diagnosed 4 pvh-no-note-xen
}

# bats test_tags=long
@test "a virtual address in the note: Xen sees it, QEMU jumps" {
	fault x86_32-nopae/stage7 $note 's/ - LOAD_OFFSET//'
	SILENCE=2 by_qemu "$image"
	diagnosed 5 pvh-entry-note
	as_dom0 "$image"
	diagnosed 4 pvh-virtual-entry-xen
	as_domU "$image"
	diagnosed 1 guest-domain-refused
	ends 1 "an address outside the image"
}

@test "eight bytes instead of four are taken by both" {
	fault x86_64/stage7 $note 's/LOAD_OFFSET/LOAD_OFFSET, 0/'
	by_qemu "$image"
	ends 0 "all done"
	as_dom0 "$image"
	ends 0 "all done"
}

@test "no stack: where Xen enters it, that is a triple fault" {
	fault x86_32-nopae/stage7 $head '/init_stack/d'
	as_dom0 "$image"
	diagnosed 7 pvh-no-stack
	as_domU "$image"
	diagnosed 1 pvh-no-stack
}

# bats test_tags=long
@test "paging without tables, and long mode in the wrong order: QEMU's log has the exception" {
	fault x86_32/stage7 $head 's/^\tpush\t%ebx.*/\tmov %cr0, %eax; or $0x80000000, %eax; mov %eax, %cr0\n&/'
	by_qemu "$image"
	diagnosed 7 paging-too-early
	ends 7 "where           P=V 0x10"
	fault x86_64/stage7 $long 's/or\t\$CR4_PAE, %eax/nop/'
	by_qemu "$image"
	diagnosed 7 pvh-long-mode-order
}

# bats test_tags=long
@test "a triple fault under Xen: paging without tables, and one that is none of the known" {
	fault x86_32-nopae/stage7 $head 's/^\tpush\t%ebx.*/\tmov %cr0, %eax; or $0x80000000, %eax; mov %eax, %cr0\n&/'
	as_dom0 "$image"
	diagnosed 7 paging-too-early
	as_domU "$image"
	diagnosed 1 paging-too-early
	fault x86_64/stage7 $long 's/^\tlea\tinit_stack.*/&\n\tud2/'
	as_dom0 "$image"
	diagnosed 7 pvh-triple-fault
	ends 7 "d0v0 Triple fault"
	ends 7 "where           P=V 0x10"
}

# bats test_tags=long
@test "no IOMMU, no virtualization, a Xen without HVM" {
	XEN_OPTIONS=iommu=off as_dom0 "$good/build/x86_64/stage7.elf"
	diagnosed 4 pvh-no-iommu
	QEMU_OPTIONS="-cpu qemu64,-svm" as_dom0 "$good/build/x86_64/stage7.elf"
	diagnosed 4 pvh-no-svm
	QEMU_OPTIONS="-cpu EPYC,-npt" as_dom0 "$good/build/x86_64/stage7.elf"
	diagnosed 4 pvh-no-svm
	on=$top/build/xen/xen as_dom0 "$good/build/x86_64/stage7.elf"
	diagnosed 4 pvh-xen-without-hvm
}

# bats test_tags=long
@test "a PVH domain: without the note, without HVM, with PAE tables; and a panic in it is a crash" {
	as_domU "$good/build/x86_64/stage6.elf"
	ends 1 "image: it has no note PHYS32_ENTRY"
	diagnosed 1 guest-domain-refused
	on=$top/build/xen/xen as_domU "$good/build/x86_64/stage7.elf"
	diagnosed 1 pvh-domain-refused
	as_domU "$good/build/x86_32/stage7.elf"
	diagnosed 1 pvh-domain-pae
	fault x86_64/stage7 stage7-pvh/pvh-enlighten.c 's/^\tstart_kernel/\t*(volatile int *)0x1234 = 0;\n&/'
	as_domU "$image"
	ends 1 "[domain 1] FAULT: vector 14"
	diagnosed 1 pvh-guest-failed
}

# bats test_tags=long
@test "PAE tables as PVH under Xen in TCG: refused by make, and named if booted all the same" {
	run make run STAGE=7 PVH=dom0
	ends 2 "use ARCH=x86_64, or PAE=n"
	SILENCE=3 as_dom0 "$good/build/x86_32/stage7.elf"
	diagnosed 5 pvh-pae-accessed
}

@test "a start_info that is none, and one that names memory beyond the mapping, are refused" {
	fault x86_32/stage7 stage7-pvh/pvh-head_32.S 's/push	%ebx/push	%esp/'
	by_qemu "$image"
	ends 1 "its magic is"
	fault x86_64/stage7 include/pvh.h 's/\(1UL << 30\)/(1UL << 22)/'
	MODULE=README.md by_qemu "$image"
	ends 1 "hvm_start_info: a module at paddr 0x3f"
}

# One boot, and GDB goes back to its beginning for each.
# bats test_tags=long
@test "hvm_start_info as other loaders may fill it: versions, modules, no memory map; and what cannot be right" {
	cat >"$BATS_TEST_TMPDIR/script" <<-'END'
		define variant
		  xen end
		  xen log 4
		  xen restart entry
		end
		echo [magic]\n
		set {int}$ebx = 1
		variant
		echo [version 0]\n
		set {int}($ebx + 4) = 0
		variant
		echo [version 7]\n
		set {int}($ebx + 4) = 7
		variant
		echo [two modules]\n
		set {int}($ebx + 12) = 2
		set {long long}($ebx + 16) = 0x500000
		set {long long}0x500000 = 0x600000
		set {long long}0x500008 = 100
		set {long long}0x500020 = 0x700000
		set {long long}0x500028 = 200
		variant
		echo [a module beyond]\n
		set {long long}0x500028 = 0x40000000
		set {long long}0x500020 = 0x700000
		set {int}($ebx + 12) = 2
		set {long long}($ebx + 16) = 0x500000
		variant
		echo [words beyond]\n
		set {long long}($ebx + 24) = 0xc0000000
		variant
		echo [a map that wraps]\n
		set {int}($ebx + 48) = 0x7fffffff
		variant
		echo [an empty map]\n
		set {int}($ebx + 48) = 0
		variant
		echo [the end]\n
	END
	run limit make --no-print-directory gdb STAGE=7 MODULE=README.md CMDLINE="a b" GDB_OPTIONS="-batch -x $BATS_TEST_TMPDIR/script"
	said() { # variant, words
		sed -n "/^\[$1\]/,/^\[/p" <<<"$output" | grep -qF "$2" || { echo "$1: no '$2' in: $output"; return 1; }
	}
	said magic "its magic is 0x1 instead of 0x336ec578"
	said "version 0" "hvm_start_info version 0: no memory map, and no Xen to ask for one"
	said "version 7" "all done"
	said "two modules" "module: 100 bytes"
	said "two modules" "module: 200 bytes"
	said "two modules" "all done"
	said "a module beyond" "a module at paddr 0x700000, 0x40000000 bytes, is beyond what is mapped"
	said "words beyond" "the command line at paddr 0xc0000000"
	said "a map that wraps" "the memory map at paddr"
	said "an empty map" "hvm_start_info version 1: no memory map, and no Xen to ask for one"
}

@test "a fault is caught and named, natively too" {
	fault x86_64/stage7 stage7-pvh/pvh-enlighten.c 's/^\tstart_kernel/\t*(volatile int *)0x1234 = 0;\n&/'
	by_qemu "$image"
	ends 1 "FAULT: vector 14, error code 0x2, CR2 VA 0x1234"
}
