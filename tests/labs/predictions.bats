#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Part of make check-labs. What a student has predicted of a hypercall is told, right or wrong; what he has not, is not.
#
# shellcheck disable=SC2154 # bats sets output

bats_require_minimum_version 1.5.0
load ../lib
unset LAB VARIANT GRADE_FORMAT

predict() { # lab, name: value...
	export WORK=$BATS_TEST_TMPDIR/work OUT=$BATS_TEST_TMPDIR/out
	tools/python -m grader.corpus --solution "$1" "$WORK"
	cp "labs/lab$1/work/predictions" "$WORK"
	local lab=$1 said
	shift
	for said; do
		sed -i "s/^${said%%:*}: ?$/$said/" "$WORK/predictions"
	done
	run tools/python -m grader "$lab"
	ends 0 "your prediction"
}

@test "lab 3: one hypercall, one table" {
	predict 3 "calls: 1" "level: pte" "tables: 4"
	[[ $output == *"calls: 1, as you said"*"level: pmd; you said pte"*"tables: 1; you said 4"* ]]
	[[ $output != *"returns:"* && $output != *"uses:"* ]]
}

@test "lab 4: two kernels, two roads" {
	predict 4 "2G entries: 1" "3G level: pgd"
	[[ $output == *"2G entries: 1, as you said"*"3G level: pmd; you said pgd"* ]]
}

@test "lab 10: a pin makes page tables of ordinary pages" {
	predict 10 "top before: writable" "top after: pgd" "left: 3"
	[[ $output == *"top before: writable, as you said"*"top after: pgd, as you said"*"left: 0; you said 3"* ]]
}
