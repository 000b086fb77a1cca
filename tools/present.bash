# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What of tools/packages.tsv this machine has: the half of tools/doctor that asks. It includes this file, calls load once
# and then look, as often as needed.
#
# DOCTOR_ROOT=path, for the tests, goes before the files that are looked for.

# Whether these headers are found by the compiler of the kernels, or by the one for programs that run here.
compiles() { # kernels or here, headers
	local compiler="${CC:-${CROSS_COMPILE-}gcc} ${CFLAGS-}" path=$PATH
	[ "$1" = kernels ] || compiler=${CC:-gcc}
	[ "$1" = kernels ] || [ -z "${CROSS_COMPILE-}" ] || { compiler=gcc path=${PATH#*/build/cross:}; }
	# shellcheck disable=SC2086 # words, as make has them
	printf '#include %s\n' "${@:2}" |
		PATH=$path $compiler -E -x c -idirafter /usr/include/x86_64-linux-gnu - >/dev/null 2>&1
}

# A module is where distributions put theirs, or Python knows where.
has_module() { # name
	local file
	for file in "${DOCTOR_ROOT-}"/usr/lib/python3*/{dist,site}-packages/"$1"/__init__.py; do
		[ ! -e "$file" ] || return 0
	done
	tools/python -c "import $1" 2>/dev/null
}

# The file's name has the version, as a rule.
python_minor() {
	local file
	file=$(readlink -f "${PYTHON:-/usr/bin/python3}") || :
	if [[ $file =~ /python3\.([0-9]+)$ ]]; then
		echo "${BASH_REMATCH[1]}"
	else
		tools/python -c 'import sys; print(sys.version_info.minor)' 2>/dev/null || echo 0
	fi
}

# Whether GDB can debug for an architecture. Debian's can on this machine's only, and gdb-multiarch on all.
knows() { # as GDB calls it
	local gdb
	gdb=$(command -v gdb-multiarch || command -v gdb) || return
	"$gdb" -nx -batch -ex "set architecture $1" -ex 'show architecture' 2>&1 | grep -q "is set to \"$1\""
}

# Every make target waits for this: where nothing is missing, hardly a command is started.
present() { # proof
	case $1 in
	*'|'*) present "${1%%|*}" || present "${1#*|}" ;;
	'<'*) [ -n "$headers_compile" ] || compiles kernels "$1" ;;
	'here <'*) compiles here "${1#here }" ;;
	'import '*) has_module "${1#import }" ;;
	'gdb '*) knows "${1#gdb }" ;;
	'python 3.'*) [ "$(python_minor)" -ge "${1#python 3.}" ] ;;
	/*) [ -e "${DOCTOR_ROOT-}$1" ] ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

# apt-get is asked, whatever Debian's descendant is called; of the others the table knows some.
distribution() {
	local ids=
	if command -v apt-get >/dev/null; then echo debian && return; fi
	# shellcheck disable=SC1091 # the machine's
	ids=$(. "${DOCTOR_ROOT-}/etc/os-release" 2>/dev/null && echo "${ID-} ${ID_LIKE-}") || :
	case " $ids " in
	*" fedora "* | *" rhel "*) echo fedora ;; *" arch "*) echo arch ;; *" nixos "*) echo nixos ;; *) echo another ;;
	esac
}

# The table as it is for this machine, four fields a row: name, groups, proof, purpose. Where code for a PC comes from a
# cross compiler, run has also what run-cross has, and on a PC what run-pc has. What has no name here goes by Debian's, in
# parentheses. Without apt-get there is no source package to unpack.
load() { # sets system and table
	local package groups proof purpose fedora arch nixos group own host=pc other=cross name
	system=$(distribution) table=()
	[[ -z ${CROSS_COMPILE-} && $HOSTTYPE == @(x86_64|i?86) ]] || host=cross other=pc
	while IFS=$'\t' read -r package groups proof purpose fedora arch nixos; do
		[[ $package != '#'* ]] || continue
		case $system in fedora) name=$fedora ;; arch) name=$arch ;; nixos) name=$nixos ;; *) name='=' ;; esac
		case $name in =) name=$package ;; -) name="($package)" ;; esac
		own=,
		for group in ${groups//,/ }; do
			[[ $group == *-$other ]] || [[ $group = debsrc && $system != debian ]] || own+=${group%-"$host"},
		done
		[ "$own" = , ] || table+=("$name" "$own" "$proof" "$purpose")
	done <tools/packages.tsv
}

in_groups() { # groups of a row, those wanted
	local group
	for group in ${2//,/ }; do
		[[ $1 != *,$group,* ]] || return 0
	done
	return 1
}

# What these groups lack: names in missing, and in reasons what each is for.
look() { # groups, comma-separated
	local i headers=()
	missing=() reasons=() headers_compile=
	for ((i = 0; i < ${#table[@]}; i += 4)); do
		[[ ${table[i + 2]} != '<'* ]] || ! in_groups "${table[i + 1]}" "$1" || headers+=("${table[i + 2]}")
	done
	[ ${#headers[@]} = 0 ] || ! compiles kernels "${headers[@]}" || headers_compile=y
	for ((i = 0; i < ${#table[@]}; i += 4)); do
		in_groups "${table[i + 1]}" "$1" || continue
		present "${table[i + 2]}" || { missing+=("${table[i]}") reasons+=("${table[i]} (${table[i + 3]})"); }
	done
}
