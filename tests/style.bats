# SPDX-License-Identifier: GPL-2.0-only
#
# How the files of this tree are written: what a tool can tell of it.

load lib

shell_scripts() {
	tracked | while read -r file; do
		head -n 1 "$file" | grep -qE '^#!.*(bash|/sh)' && echo "$file"
	done
}

@test "shell scripts: shellcheck finds nothing" {
	shell_scripts | xargs shellcheck -x
}

@test "tests: shellcheck finds nothing" {
	tracked 'tests/*.bats' 'tests/*.bash' | xargs shellcheck --shell=bats
}

@test "C: clang-format would change nothing" {
	# elfnote.h is assembly.
	tracked '*.c' '*.h' ':!src/include/elfnote.h' | xargs clang-format --dry-run --Werror
}

@test "Python: pyflakes finds nothing, autopep8 would change nothing" {
	local left_alone=E226,E24,W50,W690 # by autopep8 itself
	# Where an f-string is several tokens (Python 3.12), autopep8 misjudges how the lines below one are indented.
	! tools/python -c 'from token import FSTRING_START' 2>/dev/null || left_alone+=,E127,E128
	tracked '*.py' | xargs pyflakes3
	tracked '*.py' | xargs autopep8 --max-line-length 150 --ignore "$left_alone" --exit-code --diff
}

@test "Python: packages import what README lets them" {
	tracked 'gdbscripts/*/*.py' 'labs/*/*.py' 'tools/explore/*.py' 'tools/explain/*.py' | xargs tools/python tests/imports.py
}

@test "every file of ours says under which licence it is" {
	output=$(tracked src tools tests gdbscripts labs Makefile .ci | grep -vE '\.(json|svg|txt|golden|md)$' |
		xargs grep -L 'SPDX-License-Identifier: GPL-2.0-only') || :
	[ -z "$output" ] || { echo "without: $output"; false; }
}

@test "only text is tracked: no image, no core dump, nothing that was made" {
	output=$(tracked | xargs grep -LI '') || :
	[ -z "$output" ] || { echo "not text, or empty: $output"; false; }
}

@test "spelling" {
	tracked | grep -vE '\.(svg|json)$' | xargs codespell --ignore-words=tests/spelling.txt
}

@test "what make prints as help fits a terminal" {
	make | awk 'length > 80 { print; bad = 1 } END { exit bad }'
}

# What the scripts make, with the awk that is first in PATH: by Doxygen's filters, for a lab, out of a program.
made_with_awk() { # folder for a lab
	local file
	for file in $(tracked 'tools/doc/*.awk'); do awk -f "$file" README.md src/stage3-remap/walk.c; done
	awk -f tools/doc/scripts.awk tools/boot
	OUT=build/none tools/lab copy 3 "$1" "early_p2m remap_limit" stage3-remap/p2m.c stage3-remap/limit.c
	cat "$1"/*.c
	mkdir -p build/doc && touch -a build/doc/ambiguous
	tools/doc/calls build/x86_32/stage3.elf build/x86_32/obj/stage3-remap/*.o
	tools/proof-of-life build/x86_32/stage1.log build/x86_32/stage1.elf
}

@test "awk: another than Debian's does the same" {
	local bin=$BATS_TEST_TMPDIR/bin
	XEN=build/xen/xen tools/boot --proof-of-life build/x86_32/stage1.elf
	made_with_awk "$BATS_TEST_TMPDIR/a" >"$BATS_TEST_TMPDIR/usual"
	rm -r "$BATS_TEST_TMPDIR/a"
	mkdir "$bin"
	printf '#!/bin/sh\nexec busybox awk "$@"\n' >"$bin/awk"
	chmod +x "$bin/awk"
	PATH=$bin:$PATH made_with_awk "$BATS_TEST_TMPDIR/a" >"$BATS_TEST_TMPDIR/other" 2>&1
	diff "$BATS_TEST_TMPDIR/usual" "$BATS_TEST_TMPDIR/other"
}
