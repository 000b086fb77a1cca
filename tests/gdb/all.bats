#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# make check-gdb: the commands under `xen` in every stage and every mode, against QEMU's own view of the page tables; and
# back and forth in time. A sample of it is in make check (tests/gdb.bats).
#
# shellcheck disable=SC2154 # good comes from lib.bash, the rest from session.bash
# shellcheck disable=SC2030,SC2031 # each test is a process of its own, and that is meant

load ../lib
load session
unset NATIVE SYMBOLS MEM DOM0_MEM

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

@test "the page for kernels of one's own: its transcript is true" {
	[ -e build/linux/vmlinuz ] || skip "there is no build/linux/vmlinuz (make linux)"
	[[ $(cat build/linux/version) == 6.1.* ]] || skip "the page shows Debian 12's Linux 6.1; this is $(cat build/linux/version)"
	SLOW=4 run tools/doc/transcripts gdbscripts/README.md
	ends 0 " transcripts"
}

@test "into Xen and back, what a reader changes, Ctrl-C a hundred times" {
	START=flush_batch checks "$good/build/x86_32/stage3.elf" none xenside
	START=flush_batch checks "$good/build/x86_64/stage3.elf" none xenside
	TIMES=100 checks "$good/build/x86_32/stage4.elf" none interrupt
	checks "$good/build/x86_64/stage4.elf" none runtime
}

# A machine of the kit's Xen, started as anybody would: GDB comes over TCP, from another folder.
foreign() { # image, function
	local port qemu
	port=$((20000 + RANDOM % 20000))
	qemu-system-x86_64 -m 128 -nodefaults -display none -no-reboot -kernel "$XEN" -append "dom0_mem=32M" -initrd "$1" \
		-gdb "tcp:127.0.0.1:$port" -S 3>&- &
	qemu=$!
	within 100 bash -c "exec 5<>/dev/tcp/127.0.0.1/$port" 2>/dev/null
	START=$2 XEN_SYMS=$XEN-syms run limit bash -c "cd / && exec gdb -q -nx -batch -x '$top/gdbscripts/xen.gdb' '$1' \
		-ex 'target remote 127.0.0.1:$port' -x '$top/tests/gdb/foreign.py'"
	kill "$qemu" 2>/dev/null || : # it may have ended: GDB lets go of it
	if [ "$(grep -c ^passed <<<"$output")" != 6 ] || [[ $output == *FAILED* || $output == *Traceback* ]]; then
		echo "$output"
		return 1
	fi
}

@test "who touches a page, of all that Xen has made for tables" {
	TABLES=9 checks "$good/build/x86_32/stage3.elf" none watch
	TABLES=9 checks "$good/build/x86_64/stage3.elf" none watch
}

@test "the guest's memory is above a hole, from 4 GiB on: tables, frames, who touches a page" {
	export MEM=192 QEMU_OPTIONS="-machine max-ram-below-4g=128M"
	EXPECT=$remapped_x86_32 TABLES=3 checks "$good/build/x86_32/stage3.elf" none tables watch
	EXPECT=$remapped_x86_64 TABLES=3 checks "$good/build/x86_64/stage3.elf" none tables watch
}

@test "a QEMU of somebody else's: 32 bits" { foreign "$good/build/x86_32/stage3.elf" remap_kernel; }
@test "a QEMU of somebody else's: 64 bits" { foreign "$good/build/x86_64/stage3.elf" remap_kernel; }

# The domain that stage 6 builds: to its first instruction, through its boot, and back to dom0.
guest_of() { # dom0's kind, the guest's kind
	cat >"$BATS_TEST_TMPDIR/script" <<-'END'
		xen guest 1
		info symbol $pc
		xen start-info
		xen p2m 0x100
		xen hypercalls on
		continue
		xen pt
		xen guest 1
		xen guest 0
		xen pt
	END
	run limit make -C "$good" --no-print-directory gdb STAGE=6 ARCH="$1" GUEST_ARCH="$2" \
		GDB_OPTIONS="-x $BATS_TEST_TMPDIR/script -ex quit" </dev/null
}

@test "xen guest: every dom0, every guest" {
	for dom0 in x86_32 x86_64; do
		for guest in x86_32 x86_64; do
			guest_of $dom0 $guest
			ends 0 "startup_xen in section .text"
			ends 0 "magic          'xen-3.0-$guest"
			ends 0 "an ordinary domain"
			ends 0 "nr_pages       0x400"
			ends 0 "PFN 0x100 is MFN"
			ends 0 "the end: xen_exit, at its linked VA"
			[[ $output != *Exception* && $output != *physdev_op* ]] # dom0 alone asks for ports
		done
	done
}

@test "xen guest: a PVH domain, whose memory is behind a second level of tables; gdbserver and pagetables of a PVH dom0" {
	[ -e build/xen-stock/xen ] || skip "needs Debian's own Xen: tools/build-xen --stock"
	cat >"$BATS_TEST_TMPDIR/script" <<-'END'
		xen guest 1
		xen start-info
		xen p2m 0x100
		break start_kernel
		continue
		print/x pvh_start_info->magic
		xen pt walk start_kernel
		set var pvh_on_xen = 0
		print pvh_on_xen
		set var pvh_on_xen = 1
		xen end
		xen guest 0
		xen p2m 0x100
	END
	export XEN=$top/build/xen-stock/xen
	rm -f "$good/build/x86_32-nopae/stage7.elf" # it is made for this, too
	for mode in ARCH=x86_64 PAE=n; do
		run limit make -C "$good" --no-print-directory gdb STAGE=7 PVH=domU $mode CMDLINE="a b" \
			GDB_OPTIONS="-x $BATS_TEST_TMPDIR/script -ex quit" </dev/null
		ends 0 '"a b guest=pvh'
		ends 0 "by the second level of page tables"
		ends 0 "= 0x336ec578"
		ends 0 "no M2P here: a PVH guest's frames are its own"
		ends 0 "= false"
		ends 0 "the end: native_exit, at its linked VA"
		ends 0 "the m2p agrees"
		[[ $output != *Exception* ]]
	done
	cd "$good"
	setsid make --no-print-directory gdbserver STAGE=7 PVH=dom0 ARCH=x86_64 >"$BATS_TEST_TMPDIR/server" 2>&1 3>&- &
	local server=$!
	within 600 grep -q "^waiting for a debugger" "$BATS_TEST_TMPDIR/server"
	run gdb -batch -nx -x gdbscripts/xen.gdb build/x86_64/stage7.elf -ex 'target remote build/gdbserver/nested' \
		-ex 'xen connect' -ex 'xen start-info' -ex 'xen end' -ex 'xen pt'
	kill -- "-$server"
	ends 0 "first domain (dom0)"
	ends 0 "the end: native_exit"
	run make --no-print-directory pagetables STAGE=7 PVH=dom0 ARCH=x86_64
	ends 0 "0xffffffff80000000-0xffffffffbfffffff"
}

@test "a Linux, from its first instruction to beyond the move of its p2m" {
	[ -e build/linux/vmlinuz ] || skip "there is no build/linux/vmlinuz (make linux)"
	DOM0_MEM=512 CMDLINE="console=hvc0 earlyprintk=xen" checks build/linux/vmlinuz none linux
}

@test "neither the image nor Xen has symbols: the end of the boot is no end of the session" {
	local bare=$BATS_TEST_TMPDIR/bare.elf
	strip -o "$bare" "$good/build/x86_64/stage4.elf"
	BUILD=$BATS_TEST_TMPDIR XEN=build/xen-stock/xen run limit tools/gdb "$bare" -batch -ex continue -ex 'xen back 1' \
		-ex 'xen restart entry' -ex "xen watch mfn (unsigned long)\$cr3>>12 write" -ex 'xen end' -ex 'xen restart entry' -ex 'xen end' -ex 'xen pt limit 1'
	ends 0 "Xen's own part"
	[ "$(grep -c '^the end: the machine has shut itself down' <<<"$output")" = 3 ]
	[[ $output == *" was written at VA 0xffff83"* ]]
	BUILD=$BATS_TEST_TMPDIR XEN=build/xen-stock/xen run limit tools/gdb "$bare" -batch -ex continue -ex continue
	ends 1 "this is the end of the boot"
}

@test "no end of a session is a dead end, at a terminal" {
	run python3 tests/gdb/terminal.py "$BATS_TEST_TMPDIR" "$good/build/x86_32/stage3.elf" "$good/build/x86_64/stage3.elf"
	ends 0 "no dead end"
}

# What a terminal gets to see.
in_a_terminal() { # shell words for GDB
	BUILD=$BATS_TEST_TMPDIR TERM=xterm run limit script -qec "tools/gdb $good/build/x86_32/stage3.elf $* -ex 'xen pt' -ex quit" /dev/null </dev/null
	[[ $output == *"0x00000000-0x0010afff"* ]]
}

@test "colour in a terminal, unless it is not wanted" {
	local escape=$'\e[3'
	in_a_terminal
	[[ $output =~ "${escape}4"[0-9\;]*"m0x00000000-0x0010afff" ]] # GDB 18 adds that it is not bold, and more
	in_a_terminal -ex "'set style enabled off'"
	[[ ${output##*VA} != *"$escape"* ]]
	NO_COLOR=1 in_a_terminal
	[[ $output != *"$escape"* ]]
}

@test "a Linux of a distribution boots in memory that is worked out, as far as to its missing disk" {
	[ -e build/linux/vmlinuz ] || skip "there is no build/linux/vmlinuz (make linux)"
	CMDLINE="console=hvc0 earlyprintk=xen panic=1" boot --any build/linux/vmlinuz
	ends 3 "the guest crashed"
	ends 3 "VFS: Unable to mount root fs"
}

@test "make gdbserver, and an editor's GDB as make vscode sets it up" {
	cd "$good"
	setsid make --no-print-directory gdbserver STAGE=3 >"$BATS_TEST_TMPDIR/server" 2>&1 3>&- &
	local server=$!
	within 600 grep -q "^waiting for a debugger" "$BATS_TEST_TMPDIR/server"
	run make --no-print-directory gdbserver STAGE=3
	ends 2 "build/gdbserver is in use"
	make --no-print-directory vscode STAGE=3
	run limit python3 "$top/tests/gdb/editor.py" .vscode/launch.json
	kill -- "-$server"
	ends 0 "an editor's GDB succeeded"
	within 100 test ! -e build/gdbserver # nor does the machine stay
}

@test "an editor's GDB as a debugger adapter, where GDB can be one" {
	run limit gdb -i=dap -q -nx </dev/null
	[[ $output != *"unrecognized"* ]] || skip "GDB is older than 14"
	cd "$good"
	setsid make --no-print-directory gdbserver STAGE=3 >"$BATS_TEST_TMPDIR/server" 2>&1 3>&- &
	local server=$!
	within 600 grep -q "^waiting for a debugger" "$BATS_TEST_TMPDIR/server"
	run limit python3 "$top/tests/gdb/dap.py" build/gdbserver/stub build/x86_32/stage3.elf
	kill -- "-$server"
	ends 0 "an editor's GDB succeeded, over DAP"
}

@test "an image whose path has spaces and other letters, without HOME and with an ASCII locale" {
	local image="$BATS_TEST_TMPDIR/ä b/c d.elf"
	mkdir "${image%/*}"
	cp "$good/build/x86_32/stage3.elf" "$image"
	run env -i PATH="$PATH" make --no-print-directory gdb IMAGE="$image" GDB_OPTIONS="-batch -ex 'info symbol startup_xen'" </dev/null
	ends 0 "startup_xen in section .text"
	run env -i PATH="$PATH" make --no-print-directory pagetables IMAGE="$image" </dev/null
	ends 0 "512 pages mapped otherwise"
}

@test "a folder whose path is too long for a socket, and GDB goes to another one" {
	local image=$good/build/x86_32/stage3.elf deep server
	deep=$BATS_TEST_TMPDIR/$(printf 'd%.0s' {1..120})
	mkdir "$deep"
	BUILD=$deep run limit tools/gdb "$image" -batch -ex 'cd /' -ex 'thbreak remap_kernel' -ex continue -ex 'xen back 1' \
		-ex 'xen end' -ex 'xen log 1'
	ends 0 "the end: xen_exit, P=V"
	BUILD=$deep FOLDER=$deep/server setsid tools/gdb "$image" -batch -ex 'xen serve' >"$BATS_TEST_TMPDIR/server" 2>&1 3>&- &
	server=$!
	within 600 grep -q "^waiting for a debugger" "$BATS_TEST_TMPDIR/server"
	cd "$deep"
	run limit gdb -batch -nx -x "$top/gdbscripts/xen.gdb" "$image" -ex 'target remote server/stub' -ex 'xen connect' -ex 'cd /' \
		-ex 'xen end' -ex 'xen back 1' -ex 'xen log 1'
	kill -- "-$server"
	ends 0 "the end: xen_exit, P=V"
	[[ $output != *"No such file"* && $output != *Exception* ]]
}

@test "make compile_commands: each source of each stage, once for each mode that has it" {
	run make -C "$good" --no-print-directory compile_commands
	ends 0 "7 modes"
	python3 - "$good" <<-'END'
		import json, os, sys
		entries = json.load(open(f"{sys.argv[1]}/compile_commands.json"))
		files = {e["file"] for e in entries}
		assert "src/stage3-remap/remap.c" in files and all(os.path.exists(f"{sys.argv[1]}/{f}") for f in files)
		assert sum(e["file"] == "src/stage3-remap/remap.c" for e in entries) == 7
	END
}

@test "mini-os as dom0, if an image is given (MINIOS=, made with MINIOS_TARGET_ARCH=x86_64)" {
	[ -n "${MINIOS-}" ] || skip "MINIOS= names no image"
	DOM0_MEM=64 BUILD=$BATS_TEST_TMPDIR run limit tools/gdb "$MINIOS" -batch -ex 'xen notes' -ex 'xen start-info' \
		-ex 'xen hypercalls on set_trap_table' -ex 'xen end' -ex 'xen traps' -ex 'xen vcpu' -ex 'xen back 1' -ex 'xen pt w+x'
	ends 0 'GUEST_OS           "Mini-OS"'
	ends 0 "magic          'xen-3.0-x86_64"
	ends 0 "vector 14: 0xe033:VA "
	ends 0 "the end: dom0 has Xen shut the machine down"
	ends 0 "<hypervisor_callback>"
	ends 0 "hypercall_page ()"
	ends 0 " physical reads"
}

@test "bata24's gef beside our commands, if it is given (GEF=gef.py)" {
	[ -n "${GEF-}" ] || skip "GEF= names no gef.py"
	mkdir "$BATS_TEST_TMPDIR/home"
	echo "source $GEF" >"$BATS_TEST_TMPDIR/home/.gdbinit"
	HOME=$BATS_TEST_TMPDIR/home GDBINIT=y BUILD=$BATS_TEST_TMPDIR run limit tools/gdb "$good/build/x86_64/stage3.elf" -batch \
		-ex 'hbreak remap_kernel' -ex continue -ex 'xen hypercalls on' -ex finish -ex 'xen back 3' -ex 'xen restart entry' \
		-ex 'xen watch pfn 0x10d write' -ex 'xen end' -ex 'xen pt walk 0x100000'
	ends 0 "commands loaded for GDB"
	ends 0 "mmu_update(VA "
	ends 0 " was written at VA 0x"
	ends 0 "the end: xen_exit"
	ends 0 "so VA 0x0000000000100000 is maddr"
	[[ $output != *Traceback* && $output != *"Python Exception"* ]]
}

@test "XTF's example, if a tree is given (XTF=, made with TESTS=tests/example)" {
	local image seen=0
	[ -n "${XTF-}" ] || skip "XTF= names no tree"
	for image in "$XTF"/tests/example/test-pv{64,32pae}-example; do
		[ -e "$image" ] || continue
		seen=$((seen + 1))
		BUILD=$BATS_TEST_TMPDIR run limit tools/gdb "$image" -batch -ex 'xen start-info' -ex 'xen hypercalls on set_trap_table' \
			-ex 'xen end' -ex 'xen traps' -ex 'xen pt w+x'
		ends 0 "magic          'xen-3.0-x86_"
		ends 0 "vector 14: 0xe0"
		ends 0 "the end: dom0 has Xen shut the machine down"
		ends 0 "20 handlers"
		ends 0 " physical reads"
	done
	[ "$seen" -gt 0 ] || { echo "nothing is made in $XTF/tests/example" && false; }
}
