# SPDX-License-Identifier: GPL-2.0-only
#
# How the files of this tree are written: what a tool can tell of it.

load lib

# Files that git would commit, by the words that begin them or by name.
tracked() { git ls-files --cached --others --exclude-standard -- "$@"; }

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
	tracked '*.py' | xargs pyflakes3
	tracked '*.py' | xargs autopep8 --max-line-length 150 --exit-code --diff
}

@test "Python: packages import what README lets them" {
	tracked 'gdbscripts/*/*.py' 'labs/*/*.py' 'tools/explore/*.py' 'tools/explain/*.py' | xargs tools/python tests/imports.py
}

@test "every file of ours says under which licence it is" {
	run bash -c "git ls-files -- src tools tests gdbscripts labs Makefile .ci |
		grep -vE '\.(json|svg|txt|golden|md)$' | xargs grep -L 'SPDX-License-Identifier: GPL-2.0-only'"
	[ -z "$output" ] || { echo "without: $output"; false; }
}

@test "spelling" {
	tracked | grep -vE '\.(svg|json)$' | xargs codespell --ignore-words=tests/spelling.txt
}

@test "what make prints as help fits a terminal" {
	make | awk 'length > 80 { print; bad = 1 } END { exit bad }'
}
