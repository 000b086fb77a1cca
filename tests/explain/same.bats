#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The same fault has the same cause, whoever asks: `make run`, GDB's `continue` into the crash, the page of `make explore`, and
# the grader where Xen refuses an image. Run by make check-explain.
#
# shellcheck disable=SC2154 # good comes from lib.bash, image from fault()

load ../lib
unset NATIVE SYMBOLS MEM DOM0_MEM

setup_file() {
	good_tree x86_32/stage2 x86_32/stage4
}

# What a text says from the diagnosis on, as far as it depends on the fault alone.
causes() { sed -n '/^diagnosis/,$p'; }

same() { # image, file below src/, sed script
	fault "$@"
	boot "$image"
	causes <<<"$output" >"$BATS_TEST_TMPDIR/run"
	[ -s "$BATS_TEST_TMPDIR/run" ]
	BUILD=$BATS_TEST_TMPDIR run limit tools/gdb "$image" -batch -ex continue
	causes <<<"$output" >"$BATS_TEST_TMPDIR/gdb"
	# GDB says where it stands, behind that.
	head -n "$(wc -l <"$BATS_TEST_TMPDIR/run")" "$BATS_TEST_TMPDIR/gdb" | diff "$BATS_TEST_TMPDIR/run" -
	make -s build/explore/recorder.so
	BUILD=$BATS_TEST_TMPDIR run limit tools/python -m explore --json "$image" "$BATS_TEST_TMPDIR/r.json"
	python3 -c 'import json, sys; print("\n".join(json.load(open(sys.argv[1]))["end"]["said"]))' "$BATS_TEST_TMPDIR/r.json" |
		causes | diff "$BATS_TEST_TMPDIR/run" -
}

@test "a privileged instruction" {
	same x86_32/stage2 stage2-hypercall/early.c 's/^	xen_exit\(/	asm volatile("cli");\n&/'
}

@test "the MSR is given a PFN" {
	same x86_32/stage2 stage2-hypercall/hypercall-page.c 's/mfn_list\[pfn_x\(pfn\)\]/pfn_x(pfn)/'
}

@test "the jump before the remap" {
	same x86_32/stage4 stage4-start-kernel/early.c '/^	remap_kernel\(/d'
}

@test "a stack that runs over" {
	same x86_32/stage2 stage2-hypercall/early.c 's/^	xen_exit\(/	volatile char big[8192]; big[0] = 1;\n&/'
}

@test "start_info is not pushed" {
	same x86_32/stage2 stage1-notes/head_32.S '/push	%esi/d'
}
