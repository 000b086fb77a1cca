#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Part of make check-labs. Variants of a lab: right answers in a variant's words are right, those of src/ or of another
# variant are not.
#
# shellcheck disable=SC2154,SC2016 # bats sets output; make is to see the $

load ../lib
unset LAB WORK OUT VARIANT GRADE_FORMAT

setup() {
	export WORK=$BATS_TEST_TMPDIR/work OUT=$BATS_TEST_TMPDIR/out
}

solved() { # lab: the solution, in the words of variant spring
	tools/python -m grader.corpus --solution "$1" "$WORK"
	tools/python -m grader.variant apply spring "$1" "$WORK"
}

grade() { # lab
	run tools/python -m grader "$1"
}

@test "lab 3: src/'s answers, and another variant's, do not fit; its own do" {
	solved 3
	grade 3
	ends 0 "15 of 15 points"
	VARIANT=autumn grade 3
	ends 1 "  0 of 15 points"
	rm -r "$WORK"
	tools/python -m grader.corpus --solution 3 "$WORK"
	VARIANT=spring grade 3
	ends 1 "[variant-name]"
}

@test "lab 6: the same in assembly" {
	solved 6
	grade 6
	ends 0 "19 of 19 points"
}

@test "lab 1: another GUEST_VERSION" {
	solved 1
	grade 1
	ends 0 "16 of 16 points"
	VARIANT=autumn grade 1
	ends 1 "[notes-guest-version-value]"
}

@test "lab 7: the same kernels in another order" {
	ours=$(for bug in 1 2 3 4 5 6; do tools/python -m grader.variant bug spring 7 $bug; done)
	[ "$(sort <<<"$ours")" = "$(seq 6)" ]
	[ "$ours" != "$(seq 6)" ]
	run make -s lab-image LAB=7 BUG=1 VARIANT=spring
	ends 0 "/bug1-spring/stage4.elf"
	[ "$(readelf -hW "$output" | awk '/Entry/ { print $4 }')" = "$(tools/python -m grader.variant load spring 7)" ]
}

@test "make lab makes a copy in the variant's words, and make hint speaks them" {
	run make -s lab LAB=3 VARIANT=spring WORK="$WORK" OUT="$OUT"
	ends 0 "lab 3 is in"
	grep -q '^# Variant spring' "$WORK/README.md"
	name=$(sed -n 's/^maddr_t \(.*_early_p2m\)(.*/\1/p' "$WORK/p2m.c")
	[ -n "$name" ]
	grep -qF "\`$name(" "$WORK/README.md"
	run make -s hint LAB=3 TASK=3 WORK="$WORK" OUT="$OUT"
	ends 0 "${name%early_p2m}next_table()"
	grade 3
	ends 1 "$name("
}

@test "a variant has a name that make and a shell can carry" {
	run make lab LAB=3 VARIANT='$(shell touch x)' WORK="$WORK"
	ends 2 "VARIANT="
	run make lab LAB=3 VARIANT=é WORK="$WORK"
	ends 2 "is not the name of a variant"
	[ ! -e "$WORK" ] && [ ! -e x ]
	run make grade-batch LAB=3 SUBMISSIONS="$BATS_TEST_TMPDIR" VARIANT=a.b
	ends 2 "is not the name of a variant"
}
