#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Every stage in every paging mode on every hypervisor: booted once, by tools/matrix, and then looked at, file by file.
# And tools/matrix itself, with tools/count-instructions.
#
# shellcheck disable=SC2154 # setup_file sets modes, cmdline and module, lib.bash top and good; bats sets output

load lib
unset XEN_OPTIONS NATIVE ERRATUM
export SILENCE=60 TIMEOUT=120 # the machine may be busy with other tests

setup_file() {
	export modes="x86_32 x86_32-2g x86_32-1g x86_32-nopae x86_64"
	export module=$BATS_FILE_TMPDIR/module cmdline="first=1, second=\"two words\""
	good_tree x86_32{,-2g,-1g,-nopae}/stage4 x86_64/stage4
	ln -s "$top"/build/{xen,xen-stock} "$good/build/"
	seq 3000 >"$module"
	cd "$good" || return
	CMDLINE=$cmdline MODULE=$module tools/matrix --verdicts '[0-5]/*' >table 2>errors || echo "status $?" >>table
}

setup() { cd "$good" || return; }

transcripts() { # stage, mode: one for each hypervisor
	find build/matrix/"$1-$2"-{built,stock}/stage"$1".log 2>/dev/null
}

# The lines of a transcript that match, without their newlines.
lines() { # file, extended regular expression
	tr -d '\r' <"$1" | grep -E "$2"
}

# All modes that boot on Xen, the two-level one being refused.
booting() { tr ' ' '\n' <<<"$modes" | grep -v nopae; }

@test "every boot ended as it should" {
	for stage in 0 1 2 3 4 5; do
		for mode in $modes; do
			verdict="succeeded"
			[ "$mode" != x86_32-nopae ] || verdict="refused as it should be (diagnosis: two-levels)"
			echo "$stage $mode built $verdict"
			[ "$mode" != x86_64 ] || [ ! -e build/xen-stock/xen ] || echo "$stage $mode stock $verdict"
			case $stage$mode in 5x86_32*) echo "$stage $mode none succeeded" ;; esac
		done
	done >expected
	diff expected <(sed '1d;$d' table | tr -s ' ')
	boots=$(wc -l <expected)
	[ "$(tail -n 1 table)" = "$boots boots, $boots as they should be (transcripts: build/matrix)" ]
	[ ! -s errors ]
}

word() { printf '%08x' "$1" | sed -E 's/(..)(..)(..)(..)/\\x\4\\x\3\\x\2\\x\1/'; }

note() { # type, text
	local size=$((${#2} + 1))
	# shellcheck disable=SC2059 # the bytes are the format
	printf "$(word 4)$(word "$size")$(word "$1")Xen\\0"
	printf '%s\0' "$2"
	head -c $((-size & 3)) /dev/zero
}

# Numbers from xen/elfnote.h, words and order from the patch.
patch_notes() { # PAE_MODE
	note 6 linux
	note 7 2.6
	note 5 xen-3.0
	note 10 '!writable_page_tables|pae_pgdir_above_4gb'
	note 9 "$1"
	note 8 generic
}

@test "the notes are the six of the patch to the byte, and there are no others" {
	for image in build/x86_*/stage[1-5].elf; do
		case $image in *-nopae/*) pae=no ;; *) pae=yes ;; esac
		read -r offset size < <(readelf -lW "$image" | awk '$1 == "NOTE" { print $2, $5 }')
		cmp <(patch_notes "$pae") <(tail -c +$((offset + 1)) "$image" | head -c $((size)))
		[ "$(readelf -lW "$image" | grep -c '^ *NOTE ')" = 1 ]
		[ "$(readelf -SW "$image" | grep -cw NOTE)" = 1 ]
	done
	[ "$(find build/x86_*/stage[1-5].elf | wc -l)" = 25 ]
}

@test "Xen finds them so" {
	for mode in $modes; do
		for log in $(transcripts 4 "$mode"); do
			case $mode in *-nopae) pae=no ;; *) pae=yes ;; esac
			diff <(lines "$log" '^\(XEN\) ELF: note:' | sed 's/.*note: //') - <<-END
				GUEST_OS = "linux"
				GUEST_VERSION = "2.6"
				XEN_VERSION = "xen-3.0"
				FEATURES = "!writable_page_tables|pae_pgdir_above_4gb"
				PAE_MODE = "$pae"
				LOADER = "generic"
			END
		done
	done
}

@test "stages 1 to 4 are entered at the paddr of startup_xen, stage 0 at its VA" {
	for image in build/x86_*/stage[1-4].elf; do
		readelf -hW "$image" | grep -q 'Entry point address: *0x100000$'
	done
	for log in build/matrix/[1-4]-*/stage?.log; do
		case $log in
		*-nopae-*) ;;
		*) [ "$(lines "$log" 'ENTRY ADDRESS')" = "(XEN)  ENTRY ADDRESS: 0000000000100000" ] ;;
		esac
	done
	[ "$(lines build/matrix/0-x86_32-2g-built/stage0.log 'ENTRY ADDRESS')" = "(XEN)  ENTRY ADDRESS: 0000000080100000" ]
	[ "$(lines build/matrix/0-x86_64-built/stage0.log 'ENTRY ADDRESS')" = "(XEN)  ENTRY ADDRESS: ffffffff80100000" ]
}

@test "stage 2: Xen filled the hypercall page" {
	for mode in $(booting); do
		case $mode in *64) stub="51 41 53 b8 12 00 00 00" ;; *) stub="b8 12 00 00 00 cd 82 c3" ;; esac
		for log in $(transcripts 2 "$mode"); do
			lines "$log" "^  hypercall page at P=V 0x[0-9a-f]+; stub 18 is $stub\$"
			lines "$log" '^stage 2: hello from P=V address 0x10[0-9a-f]{4}, by hypercall$'
		done
	done
}

@test "stage 3: the road of its mode, and as few entries as can be" {
	for mode in $(booting); do
		case $mode in
		x86_64) road="0xffff880000000000: 2 pgd, 1 pud, 0 pmd" ;;
		*-2g) road="0x80000000: 1 pgd, 0 pud, 0 pmd" ;;
		*-1g) road="0x40000000: 1 pgd, 0 pud, 0 pmd" ;;
		*) road="0xc0000000: 0 pgd, 0 pud, 1 pmd" ;;
		esac
		for log in $(transcripts 3 "$mode"); do
			lines "$log" "^stage 3: paddr 0 to 0x[0-9a-f]+ remapped to VA $road entries, in one mmu_update\$"
			lines "$log" '^  each of [0-9]{3} pages reads the same at P=V and at its VA$'
		done
	done
}

@test "stage 4: linked address, NULL caught, three ticks, command line and module" {
	size=$(stat -c %s "$module")
	sum=$(od -An -v -tu1 "$module" | awk '{ for (i = 1; i <= NF; i++) sum += $i } END { print sum }')
	for mode in $(booting); do
		case $mode in
		x86_64) text=ffffffff80 data=ffff88000 ring=3 ;;
		*-2g) text=80 data=80 ring=1 ;;
		*-1g) text=40 data=40 ring=1 ;;
		*) text=c0 data=c0 ring=1 ;;
		esac
		for log in $(transcripts 4 "$mode"); do
			sed -E 's/(VA 0x)[0-9a-f]+/\1/g; s/MFN .*/MFN/; s/  Xen .*/  Xen/; s/(memory: )[0-9].*(, )/\1\2/' \
				<(lines "$log" '^(stage 4|start_kernel|all done|  [a-zA-Z])') >seen
			diff seen - <<-END
				stage 4: xen_start_kernel at VA 0x, stack at VA 0x
				  P=V dropped: a read at VA 0 faults now, and was caught
				  tick 1
				  tick 2
				  tick 3
				start_kernel at VA 0x, in ring $ring, on Xen
				  Xen
				  flags 0x303: privileged first domain
				  memory: , PFN 0 is MFN
				  page tables may be written to by stores: no
				  command line: "$cmdline"
				  module: $size bytes at VA 0x, sum of bytes $sum
				all done
			END
			lines "$log" "^stage 4: xen_start_kernel at VA 0x${text}10[0-9a-f]+, stack at VA 0x${text}10[0-9a-f]+\$"
			lines "$log" "^start_kernel at VA 0x${text}10[0-9a-f]+,"
			lines "$log" "^  module: .* at VA 0x${data}[0-9a-f]+,"
		done
	done
}

@test "two levels are refused because of the note, and what would run them is said" {
	run tools/boot build/x86_32-nopae/stage4.elf
	ends 4 "diagnosis: two-levels"
	[[ $(tr -s ' \n' ' ' <<<"$output") == *"No Xen since early 2008 runs those"*"name a Xen from before"*"XEN=file"* ]]
}

@test "stage 2 without Xen, in ring 0: says so on the serial port, and fails" {
	cd "$good/build/x86_32"
	gcc -m32 -D__ASSEMBLY__ -DCONFIG_PAGE_OFFSET=0xc0000000 -I"$top/src/include" -c "$top/tests/fixtures/multiboot.S" \
		-o "$BATS_TEST_TMPDIR/multiboot.o"
	ld -m elf_i386 -z max-page-size=4096 -T xen.lds -e phys_multiboot \
		-o "$BATS_TEST_TMPDIR/native" obj/stage1-notes/{head_32,notes}.o "$BATS_TEST_TMPDIR/multiboot.o" \
		obj/stage2-hypercall/*.o
	run limit qemu-system-x86_64 -M pc -nodefaults -display none -m 16 -no-reboot -serial stdio \
		-chardev testdev,id=verdict -device isa-debugcon,iobase=0xf4,chardev=verdict -kernel "$BATS_TEST_TMPDIR/native" </dev/null
	ends 35 "not under Xen: running in ring 0, where no Xen guest runs. Stop."
}

# ---- tools/matrix and tools/count-instructions themselves ----

# A tree where something was changed, with the hypervisors in reach.
matrix_with_fault() { # image, file, sed arguments
	fault "$@"
	cd "$BATS_TEST_TMPDIR/tree" || return
}

# bats test_tags=long
@test "matrix: a boot that ends otherwise is told, explained, and counts" {
	matrix_with_fault x86_32-1g/stage2 stage2-hypercall/early.c 's/VERDICT_SUCCESS/VERDICT_FAILURE/'
	run tools/matrix --verdicts '[13]/x86_32-1g/*' 2/x86_32-1g/built
	ends 1 $'\n2      x86_32-1g     built       WRONG: diagnosis: guest-failed\n      | booting '
	[[ $output == *"3 boots, 2 as they should be"* ]]
}

# bats test_tags=long
@test "matrix: a kernel that boots by another road than it should" {
	matrix_with_fault x86_32-2g/stage4 stage3-remap/remap.c 's/= SHARED_SLOT_START - PAGE_OFFSET/= 0/'
	run tools/matrix 4/x86_32-2g/built
	ends 1 "WRONG: not the road of this mode, pgd"
}

@test "matrix: road, updates, hypercalls and instructions" {
	BUILD=$BATS_TEST_TMPDIR run tools/matrix 0/x86_32/built 4/x86_32/built 4/x86_32-nopae/built 4/x86_64/built
	ends 0 "4 boots, 4 as they should be"
	seen=$(tr -s ' ' <<<"$output")
	grep -qE '^0 x86_32 built - 0 [0-9]+ [0-9]{4,5} succeeded$' <<<"$seen"
	grep -qE '^4 x86_32 built pmd 1 [0-9]{2} [0-9]{4,5} succeeded$' <<<"$seen"
	grep -qE '^4 x86_64 built pgd\+pud 3 [0-9]{2} [0-9]{4,5} succeeded$' <<<"$seen"
	grep -qx '4 x86_32-nopae built - - - - refused as it should be (diagnosis: two-levels)' <<<"$seen"
}

# bats test_tags=long
@test "matrix: hypervisors side by side" {
	echo no Xen >"$BATS_TEST_TMPDIR/other"
	XENS=build/xen/xen,$BATS_TEST_TMPDIR/other,stock BUILD=$BATS_TEST_TMPDIR run tools/matrix '2/x86_64/*' '1/x86_32-nopae/*'
	ends 1 "5 boots, 3 as they should be"
	grep -qE '^stage +mode +4[.0-9]+ +x1 +4[.0-9]+$' <<<"$output"
	grep -qE '^2 +x86_64 +([0-9]{4,}) +WRONG +\1$' <<<"$output"
	grep -qE '^1 +x86_32-nopae +refused +WRONG +-$' <<<"$output"
	XENS=nothing run tools/matrix
	ends 2 "there is no hypervisor nothing"
}

@test "matrix: a cell that does not exist is refused" {
	run tools/matrix 3/x86_32/stock
	ends 2 "no cell is called 3/x86_32/stock; one is 3/x86_32-2g/built"
}

# Stage 1 goes straight from startup_xen to a call, and in xen_entry() to the ud2.
@test "count-instructions: as many as the disassembly has" {
	for mode in x86_32 x86_64; do
		steps=$(objdump -d --no-show-raw-insn "build/$mode/stage1.elf" | awk '
			BEGIN { on = 1 }
			/^[0-9a-f]+ <xen_entry>:/ { on = 1 }
			on && /^ *[0-9a-f]+:\t/ { n++ }
			on && /\t(call|ud2)/ { on = 0 }
			END { print n }')
		run tools/count-instructions "build/$mode/stage1.elf"
		ends 0 ""
		[ "$(tr -s ' ' <<<"$output")" = $'instructions '"$steps"$'\nhypercalls 0' ]
	done
}

@test "count-instructions: hypercalls by name, up to the proof of the remap" {
	run tools/count-instructions build/x86_32-2g/stage3.elf remap_addr_pgd remap_addr_pmd
	ends 0 ""
	seen=$(tr -s ' ' <<<"$output")
	# Each line that stage 3 prints is a hypercall. The proof says one more, and does not count. The page is tried by two, and the gate, too.
	printed=$(sed -n '/^page tables before/,/^stage 3:/p' "$(transcripts 3 x86_32-2g)" | grep -vc '^(XEN)')
	[[ $seen == *"hypercalls $((printed + 5))"$'\n (by Xen\'s gate) 2\n console_io '"$printed"$'\n mmu_update 1\n xen_version 2\nremap_addr_pgd() 1\nremap_addr_pmd() 0' ]]
}

@test "count-instructions: what it cannot count is refused" {
	run tools/count-instructions
	ends 2 "usage: tools/count-instructions"
	run tools/count-instructions build/x86_32/stage5.bzImage
	ends 2 "has no symbol startup_xen"
	TIMEOUT=0.1 run tools/count-instructions build/x86_32/stage4.elf
	ends 2 "build/x86_32/stage4.elf was not at its entry after 0.1 s"
}
