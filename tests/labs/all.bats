#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Part of make check-labs: what takes longer than the tests in make check. Lab 7 is answered in every form that its page says
# is taken, with all six kernels booted; the pages of labs are compared with what their commands print.
#
# shellcheck disable=SC2154 # bats sets output

load ../lib
unset LAB BUG WORK OUT CORPUS GRADE_FORMAT

# The right answers, with a sed script for each of the forms that answers.txt names.
@test "right answers in other forms get full points" {
	work=$BATS_TEST_TMPDIR/work
	mkdir -p "$work"
	python3 - "$BATS_TEST_TMPDIR/made" >"$work/right" <<-'EOF'
		import sys
		sys.path.insert(0, "labs/grader")
		from hunt import right_file
		print(right_file(sys.argv[1], range(1, 7)))
	EOF
	sed -E -e '/^\[bug 1\]/,/^$/s/^where .*/where = xen_start_info->mfn_list/' \
		-e '/^\[bug 2\]/,/^$/{s/^where .*/where = pgd[511] pud[0x1fe]/; s/^holds .*/holds = empty/}' \
		-e '/^\[bug 3\]/,/^$/{s/^where .*/where = pgd[3], pmd[1]   # found/; s/67$/07/}' \
		-e '/^\[bug 4\]/,/^$/{s/^where .*/where = remap_limit()/; s/= 0x/= paddr 0x/}' \
		-e '/^\[bug 5\]/,/^$/{s/^where .*/where = MSR 0x40000000/; s/^(holds|should) = 0x(.*)000$/\1 = MFN 0x\2/}' \
		-e '/^\[bug 6\]/,/^$/{s/^where .*/where = p2m[0]/; s/^who = (.*)/who = \1()/}' "$work/right" >"$work/answers.txt"
	WORK=$work OUT=$BATS_TEST_TMPDIR/out run python3 labs/grader 7
	ends 0 "25 of 25 points"
}

transcripts() { # lab
	run tools/doc/transcripts "labs/lab$1/README.md"
	ends 0 " transcripts"
}

@test "lab 4: the transcripts are true" { transcripts 4; }
@test "lab 6: the transcripts are true" { transcripts 6; }
@test "lab 7: the transcripts are true" { transcripts 7; }
@test "lab 8: the transcripts are true" { transcripts 8; }
@test "lab 9: the transcripts are true" { transcripts 9; }
