# SPDX-License-Identifier: GPL-2.0-only
#
# The walker of page tables (gdbscripts/xenpt) on memory that is made up (tests/walker), as a part of `make check`.

# shellcheck disable=SC2154 # top comes from lib.bash

load lib

@test "the walker: every mode, every broken kind, random tables; text, files and pictures as they were" {
	tests/walker/run
}

@test "the walker: renewing what it is compared with does not pass" {
	cp -a "$top/tests/walker" "$BATS_TEST_TMPDIR/walker"
	ln -s "$top/gdbscripts" "$BATS_TEST_TMPDIR/gdbscripts"
	cd "$BATS_TEST_TMPDIR"
	mkdir tests && mv walker tests/
	echo changed >tests/walker/golden/broken.txt
	run env UPDATE=y tests/walker/run test_broken.BrokenText
	ends 1 "golden/broken.txt was renewed"
	tests/walker/run test_broken.BrokenText
	cmp tests/walker/golden/broken.txt "$top/tests/walker/golden/broken.txt"
}
