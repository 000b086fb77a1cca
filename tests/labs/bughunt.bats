#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Part of make check-labs. Lab 7's kernels: which of them are silent, that GDB does not give them away, and that the grader
# takes an answer in every form that its page says is taken.
#
# shellcheck disable=SC2154 # bats sets output

load ../lib
unset LAB BUG WORK OUT CORPUS GRADE_FORMAT

setup_file() {
	export KERNELS=$BATS_FILE_TMPDIR/out
	for bug in 1 2 3 4 5 6; do
		make -s lab-image LAB=7 BUG=$bug OUT="$KERNELS"
	done
}

boot_bug() {
	EXPLAIN=n MODULE=$KERNELS/module boot "$KERNELS/bug$1/stage4.elf"
}

@test "three of the kernels succeed" {
	for bug in 3 4 6; do
		boot_bug $bug
		ends 0 "succeeded"
	done
}

@test "three do not, and nothing is said of them but what the kernel and Xen say" {
	boot_bug 1
	ends 1 "FAULT: vector 14"
	boot_bug 2
	ends 3 "the guest crashed"
	boot_bug 5
	ends 1 "hypercall page"
}

@test "GDB shows the source in src/, and there is no other file to show" {
	for bug in 1 2 3 4 5 6; do
		run gdb -batch -ex 'info sources' "$KERNELS/bug$bug/stage4.elf"
		[[ $output != *'<stdin>'* ]]
		[[ $output != *lab7* ]]
		file=$(labs/lab7/fault where $bug) file=src/${file#* }
		[[ $output == *"$file"* ]]
		# No line is added or lost.
		[ "$(labs/lab7/fault make $bug | wc -l)" = "$(wc -l <"$file")" ]
	done
	run find "$KERNELS" -name '*.c' -o -name '*.i' -o -name '*.sed'
	[ -z "$output" ]
}

@test "a fault that does not fit its file any more is an error" {
	tree=$BATS_TEST_TMPDIR/tree
	mkdir -p "$tree"
	cp -a labs src "$tree"
	sed -i 's/__builtin_frame_address(0)/\&limit/' "$tree/src/stage3-remap/limit.c"
	cd "$tree"
	run labs/lab7/fault make 4
	ends 1 "fault 4 does not fit"
}

@test "one right answer gets its points, and the others wait" {
	work=$BATS_TEST_TMPDIR/work
	mkdir "$work"
	tools/python - "$BATS_TEST_TMPDIR/made" >"$work/answers.txt" <<-'EOF'
		import sys
		from lab7.hunt import right_file
		print(right_file(sys.argv[1], (4,)))
	EOF
	WORK=$work OUT=$BATS_TEST_TMPDIR/out run tools/python -m grader 7
	ends 1 "4 of 25 points"
}

# The right answers, with a sed script for each of the forms that answers.txt names.
@test "right answers in other forms get full points" {
	work=$BATS_TEST_TMPDIR/work
	mkdir -p "$work"
	tools/python - "$BATS_TEST_TMPDIR/made" >"$work/right" <<-'EOF'
		import sys
		from lab7.hunt import right_file
		print(right_file(sys.argv[1], range(1, 7)))
	EOF
	sed -E -e '/^\[bug 1\]/,/^$/s/^where .*/where = xen_start_info->mfn_list/' \
		-e '/^\[bug 2\]/,/^$/{s/^where .*/where = pgd[511] pud[0x1fe]/; s/^holds .*/holds = empty/}' \
		-e '/^\[bug 3\]/,/^$/{s/^where .*/where = pgd[3], pmd[1]   # found/; s/67$/07/}' \
		-e '/^\[bug 4\]/,/^$/{s/^where .*/where = remap_limit()/; s/= 0x/= paddr 0x/}' \
		-e '/^\[bug 5\]/,/^$/{s/^where .*/where = MSR 0x40000000/; s/^(holds|should) = 0x(.*)000$/\1 = MFN 0x\2/}' \
		-e '/^\[bug 6\]/,/^$/{s/^where .*/where = p2m[0]/; s/^who = (.*)/who = \1()/}' "$work/right" >"$work/answers.txt"
	WORK=$work OUT=$BATS_TEST_TMPDIR/out run tools/python -m grader 7
	ends 0 "25 of 25 points"
}
