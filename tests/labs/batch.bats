#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Part of make check-labs. make grade-batch: students who have nothing to do with each other, names that a shell or a
# terminal would take for more, files that look out of the sandbox; and a batch that goes on where it was.
#
# shellcheck disable=SC2154 # bats sets output

bats_require_minimum_version 1.5.0
load ../lib
unset LAB WORK OUT FORCE RESULTS SANDBOX SUBMISSIONS

submit() { # student
	mkdir -p "$BATS_TEST_TMPDIR/sent/$1"
	cp src/stage3-remap/{p2m,walk,limit,remap}.c "$BATS_TEST_TMPDIR/sent/$1"
}

batch() {
	run make -s grade-batch LAB=3 SUBMISSIONS="$BATS_TEST_TMPDIR/sent" RESULTS="$BATS_TEST_TMPDIR/graded"
}

@test "a course: each student gets his own result, once" {
	local sent=$BATS_TEST_TMPDIR/sent
	submit ann
	submit $'e\033[2Jve; touch x'
	submit '=1+1'
	submit reader
	submit linker
	echo 'asm(".incbin \"/etc/passwd\"");' >>"$sent/reader/limit.c"
	ln -sf "$PWD/src/stage3-remap/walk.c" "$sent/linker/walk.c"
	ln -s ann "$sent/twin"
	sed -i 's/addr += PMD_SIZE/addr += PGDIR_SIZE/' "$sent/=1+1/remap.c"
	batch
	ends 2 "twin, lab 3: not graded: the folder is a link"
	[[ $output == *"ann, lab 3: 15 of 15"* && $output == *"e?[2Jve; touch x, lab 3: 15 of 15"* && $output != *$'\033'* ]]
	[ ! -e x ]
	grep -q "^'=1+1,3,10,15,True,remap-too-few," "$BATS_TEST_TMPDIR/graded/results.csv"
	grep -q "^reader,3,0,15,True,compile-error," "$BATS_TEST_TMPDIR/graded/results.csv"
	grep -q "^linker,3,0,15,True,no-file," "$BATS_TEST_TMPDIR/graded/results.csv"
	run ! grep -rq "root:" "$BATS_TEST_TMPDIR/graded"

	rm "$sent/twin"
	echo '/* better */' >>"$sent/ann/walk.c"
	batch
	ends 0 "linker, lab 3: 0 of 15 (as before)"
	[[ $output == *"ann, lab 3: 15 of 15"$'\n'* ]]
}

@test "without a sandbox nothing is graded, unless the teacher says so" {
	submit ann
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\necho "bwrap: no" >&2; exit 1\n' >"$BATS_TEST_TMPDIR/bin/bwrap"
	chmod +x "$BATS_TEST_TMPDIR/bin/bwrap"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH batch
	ends 2 "SANDBOX=none does without"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH SANDBOX=none batch
	ends 0 "ann, lab 3: 15 of 15"
}
