#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# make gdb, make rewind, make pagetables: the commands under `xen` on live boots, a sample. Every stage in every mode is in
# tests/gdb/all.bats (make check-gdb).
#
# shellcheck disable=SC2154 # good and top come from lib.bash, remapped_* from session.bash

load lib
load gdb/session
unset NATIVE SYMBOLS MEM DOM0_MEM

setup_file() {
	good_tree x86_32/stage3 x86_32/stage4 x86_32-2g/stage3 x86_64/stage3
	make_image "$good" x86_32/stage5 build/x86_32/stage5.bzImage
}

@test "stage 3: tables against QEMU's own view, broken tables, back and forth in time" {
	START=remap_kernel INSIDE="0 20" EXPECT=$remapped_x86_32 checks "$good/build/x86_32/stage3.elf" "$no_cr3" broken travel tables
}

# bats test_tags=long
@test "stage 3: a random walk through time" {
	SEED=2 MOVES=12 FAR=300 checks "$good/build/x86_32/stage3.elf" none walk
}

# bats test_tags=long
@test "stage 3 with the kernel at 2 GiB: the remapped range, bad arguments, a running machine, ends" {
	EXPECT=$remapped_x86_32_2g checks "$good/build/x86_32-2g/stage3.elf" none tables
	checks "$good/build/x86_32-2g/stage3.elf" none running
	START=flush_batch checks "$good/build/x86_32-2g/stage3.elf" none changes ends
}

# bats test_tags=long
@test "stage 4: what Xen and the guest keep of each other, hypercalls by name" {
	checks "$good/build/x86_32/stage4.elf" none runtime
}

@test "stage 3, 64-bit: tables against QEMU's own view, broken tables, who writes them" {
	EXPECT=$remapped_x86_64 checks "$good/build/x86_64/stage3.elf" none broken tables watch
}

@test "stage 5 on the bare machine: no paging, then page tables; QEMU goes away" {
	NATIVE=y checks "$good/build/x86_32/stage5.bzImage" "$native_start" no-paging tables gone
}

@test "the commands without a machine" {
	run gdb -q -nx -batch -x gdbscripts/xen.gdb -x tests/gdb/nothing.py </dev/null
	[ "$(grep -c ^passed <<<"$output")" = 2 ]
	ends 0 "all checks ran"
	[[ $output != *FAILED* ]]
}

# bats test_tags=long
@test "an image without symbols" {
	strip -o "$BATS_TEST_TMPDIR/bare.elf" "$good/build/x86_32/stage3.elf"
	BUILD=$BATS_TEST_TMPDIR run tools/gdb "$BATS_TEST_TMPDIR/bare.elf" -batch -ex 'xen pt' -ex 'xen pt walk xen_entry'
	[[ $output == *"0x00000000-0x"*" physical reads"* ]]
	[[ $output == *'xen_entry: No symbol table is loaded.  Use the "file" command.; usage: xen pt walk ADDR'* ]]
	[[ $output != *Traceback* && $output != *"Python Exception"* ]]
	# Nobody knows where it says that it is well: the shutdown behind that is seen.
	BUILD=$BATS_TEST_TMPDIR run tools/gdb "$BATS_TEST_TMPDIR/bare.elf" -batch -ex 'xen hypercalls on set_trap_table' -ex continue \
		-ex 'xen where' -ex 'xen back 1' -ex 'xen restart entry' -ex 'xen end' -ex 'xen pt limit 1'
	ends 0 "Xen's own part"
	[ "$(grep -c '^the end: dom0 has Xen shut the machine down' <<<"$output")" = 2 ]
	[[ $output == *hwdom_shutdown+0x0* && $output == *"0x00100000 in ??"* ]]
}

# bats test_tags=long
@test "an image that Xen does not start" {
	objcopy --remove-section .note.Xen --remove-section .notes "$good/build/x86_32/stage3.elf" "$BATS_TEST_TMPDIR/mute.elf"
	BUILD=$BATS_TEST_TMPDIR run tools/gdb "$BATS_TEST_TMPDIR/mute.elf" -batch -ex 'xen pt'
	ends 1 "gdb: the image was not started (\`make run\` says why). The console's last lines:"
	[[ $output != *Traceback* && $output != *"not connected"* ]]
}

@test "make rewind stands at the end, and leads back" {
	run limit make -C "$good" --no-print-directory rewind STAGE=3 \
		GDB_OPTIONS="-batch -ex 'xen back to remap_kernel' -ex 'xen restart'"
	ends 0 "the end: xen_exit, P=V"
	[[ $output == *"remap_kernel (info="* && $output == *"checkpoints: entry"* ]]
}

@test "make pagetables: text, files, pictures and the difference" {
	local folder=$good/build/x86_32/stage3.pagetables
	run limit make -C "$good" --no-print-directory pagetables STAGE=3
	ends 0 "VA 0xc0000000-0xc01"
	[ "$(cd "$folder" && echo *)" = "diff.txt end.json end.svg end.txt entry.json entry.svg entry.txt" ]
	tools/python -c 'import sys, xml.etree.ElementTree as e; [e.parse(f) for f in sys.argv[1:]]' "$folder"/*.svg
	grep -q 'physical reads$' "$folder/entry.txt"
	grep -q '^0xc0000000-0xc01' "$folder/end.txt"
	! grep -q '^0xc0000000' "$folder/entry.txt" || return 1
	[[ $output == *"$(cat "$folder/diff.txt")"* ]]
	# Between files, without a machine, and from another folder.
	cd /
	run gdb -q -nx -batch -x "$OLDPWD/gdbscripts/xen.gdb" -ex "xen pt diff $folder/entry.json $folder/end.json" </dev/null
	[ "$output" = "$(cat "$folder/diff.txt")" ]
}

@test "stage 6: xen guest turns to the domU and back; a pinned page; the domU's page tables" {
	cat >"$BATS_TEST_TMPDIR/script" <<-'END'
		hbreak pin_page_tables
		continue
		xen frame guest->p2m[guest->tables]
		finish
		xen frame guests[0].p2m[guests[0].tables]
		xen guest 1
		info symbol $pc
		xen pt
		xen guest 0
		info symbol $pc
	END
	run limit make --no-print-directory gdb STAGE=6 GUEST_ARCH=x86_64 GDB_OPTIONS="-batch -x $BATS_TEST_TMPDIR/script" </dev/null
	ends 0 "type: writable; type count 0"
	ends 0 "type: L4 page table; type count 1; pinned; validated"
	ends 0 "startup_xen in section .text of $top/build/x86_64/stage4.elf"
	ends 0 "four levels (x86-64)"
	ends 0 "attend in section .text of $top/build/x86_32/stage6.elf"
	run limit make --no-print-directory pagetables STAGE=6
	# Its tables, P=V and not writable: where they lie depends on the image's size.
	[[ $output =~ VA\ 0x00([0-9a-f]+)000-0x00([0-9a-f]+)fff:\ PFN\ 0x([0-9a-f]+)-0x([0-9a-f]+)\ [^,]*,\ r-x ]]
	[ "${BASH_REMATCH[*]:1:2}" = "${BASH_REMATCH[*]:3:2}" ]
}
