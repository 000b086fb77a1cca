# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # bats sets status and output
#
# What the bats files share: booting, and making images with one thing changed. Each of them begins with `load lib`.
# A test runs at the top of the tree and writes nothing but below its own BATS_TEST_TMPDIR.

# What `make check`, or the shell it was typed in, hands down must not change a test.
unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES STAGE ARCH PAE VMSPLIT IMAGE CMDLINE MODULE ACCEL V SILENCE TIMEOUT NATIVE PVH ERRATUM LAB
export LC_ALL=C

top=$(realpath "${BASH_SOURCE[0]%/*}/..")
cd "$top" || exit
export XEN=$top/build/xen/xen
# What Python compiles is the same for all trees whose tools are links to those here (tools/python).
export PYTHONPYCACHEPREFIX=$top/build/pycache
# QEMU's seconds, too, are longer on a busy host. A test in which nothing is printed on purpose gives a shorter limit.
export SILENCE=100 TIMEOUT=600

# Boots an image: what tools/boot says is in $output, its exit status in $status. The transcript lies beside the image.
boot() { # [--flag] IMAGE
	BUILD=$BATS_TEST_TMPDIR run tools/boot "$@"
}

# That the last command ended with this status, and said this somewhere.
ends() { # exit status, text
	if [ "$status" != "$1" ] || [[ $output != *"$2"* ]]; then
		echo "status $status instead of $1, or no '$2' in:" "$output"
		return 1
	fi
}

# Waits for something, with a limit that SLOW= stretches.
within() { # tenths of a second, a command that succeeds once it is so
	local tenths
	for ((tenths = 0; tenths < $1 * ${SLOW:-1}; tenths++)); do
		! "${@:2}" || return 0
		sleep 0.1
	done
	echo "not so after $1 tenths of a second: ${*:2}"
	return 1
}

# A command that might hang. Only one that does takes so long; SLOW= stretches this limit, too.
limit() { timeout "$((1800 * ${SLOW:-1}))" "$@"; }

# make in a tree of its own, for an image as make names it: x86_32-2g/stage3 is build/x86_32-2g/stage3.elf.
make_image() { # tree, image, more arguments
	local mode=()
	case $2 in
	x86_64/*) mode=(ARCH=x86_64) ;;
	*-2g/*) mode=(VMSPLIT=2G) ;;
	*-1g/*) mode=(VMSPLIT=1G) ;;
	esac
	[[ $2 != *-nopae* ]] || mode+=(PAE=n)
	make -s -C "$1" "${mode[@]}" "${@:3}" "build/$2.elf"
}

# For setup_file: a tree with these images in it. What tests/run built is copied. fault() copies the tree, so only what was
# changed is compiled then.
good_tree() { # images
	local image entry
	export good=$BATS_FILE_TMPDIR/good
	mkdir -p "$good/build"
	for entry in "$top"/*; do
		case ${entry##*/} in src) cp -a "$entry" "$good/" ;; build | work) ;; *) ln -s "$entry" "$good/" ;; esac
	done
	for image; do
		mkdir -p "$good/build/${image%/*}"
		[ ! -d "$top/build/${image%/*}" ] || # what runs left there is no part of it
			find "$top/build/${image%/*}" -mindepth 1 -maxdepth 1 ! -name '*.pagetables' ! -name '*.log' \
				-exec cp -a -u -t "$good/build/${image%/*}" {} +
		make_image "$good" "$image"
	done
}

# An image with one file of src/ changed by sed -E, as $image. A change that changes nothing is an error: the source has
# moved on, and the test has to follow.
fault() { # image, file below src/, sed arguments
	local tree=$BATS_TEST_TMPDIR/tree
	image=$tree/build/$1.elf
	mkdir -p "$tree/build"
	find "$good" -mindepth 1 -maxdepth 1 ! -name build -exec cp -a -t "$tree" {} +
	find "$good/build" -mindepth 1 -maxdepth 1 \( -name "${1%/*}" -o -name 'xen*' \) -exec cp -a -t "$tree/build" {} +
	sed -E -i "${@:3}" "$tree/src/$2"
	! cmp -s "src/$2" "$tree/src/$2" || { echo "nothing in src/$2 fits this any more"; return 1; }
	make_image "$tree" "$1" WARN=-w
}

# The files that git would commit, by patterns. A tarball has no repository: there, an empty one tells.
tracked() {
	local repository=()
	if [ "$(git rev-parse --show-toplevel 2>/dev/null)" != "$top" ]; then
		repository=("--git-dir=$BATS_FILE_TMPDIR/empty.git" --work-tree=.)
		[ -e "$BATS_FILE_TMPDIR/empty.git" ] || git init -q --bare "$BATS_FILE_TMPDIR/empty.git"
	fi
	git "${repository[@]}" ls-files --cached --others --exclude-standard -- "$@"
}
