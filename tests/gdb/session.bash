# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2034 # bats sets status and output; the bats files use what is set here
#
# GDB sessions for tests/gdb.bats and tests/gdb/all.bats, which load this after lib.bash. A session costs a boot, so it
# runs as many files of checks (tests/gdb/*.py) as go together.

# Where the checks find inside.py.
export PYTHONPATH=$top/tests/gdb

# What a remap adds to P=V, for EXPECT: the pmd page's part that is needed, or all that the shared table maps.
remapped_x86_32=0xc0000000-0xc01fffff
remapped_x86_32_2g=0x80000000-0x803fffff
remapped_x86_32_1g=0x40000000-0x403fffff
# pgd entries 272 and 511 lead to one pud page, of which entries 0 and 510 lead to one pmd page.
remapped_x86_64="0x7f80000000-0x7f803fffff 0xffff880000000000-0xffff8800003fffff 0xffff887f80000000-0xffff887f803fffff
	0xffffff8000000000-0xffffff80003fffff 0xffffffff80000000-0xffffffff803fffff"

# All checks of these files pass, in one session at the image's first instruction, but those that may be skipped.
checks() { # image, pattern of the names that may be skipped, files
	local image=$1 may_skip=$2 symbols=${1/%.bzImage/.elf} file files=() bad
	shift 2
	for file; do files+=(-x "tests/gdb/$file.py"); done
	SYMBOLS=$symbols BUILD=$BATS_TEST_TMPDIR run limit tools/gdb "$image" -batch "${files[@]}"
	bad=$(grep -E '^FAILED|^skipped|Traceback|Python Exception' <<<"$output" | grep -vE "^skipped ($may_skip): " || :)
	if [ -n "$bad" ] || [ "$(grep -c '^all checks ran$' <<<"$output")" != $# ]; then
		printf '%s\n' "$image, $*:" "${bad:-"not all checks ran: $output"}"
		return 1
	fi
}

# Names of checks that have nothing to do without a remap, on a bare machine, in 32 bits.
no_remap="the difference is the remapped range"
native_start="at the entry .*|the difference .*"
no_cr3="cr3 into nowhere"
