#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# tools/doctor on machines made for it: a PATH that holds the wanted tools as stubs, a fake id, sudo and apt-get, a compiler
# that sees no headers but those of a folder. Nothing of the real machine counts but bash and a few basic commands.
#
# shellcheck disable=SC2016 # what stands in single quotes is for the fake commands to expand

bats_require_minimum_version 1.5.0

# The machine that each test gets a copy of.
setup_file() {
	mkdir "$BATS_FILE_TMPDIR/machine"
	cd "$BATS_FILE_TMPDIR/machine" || return
	mkdir -p kit bin root/etc
	cp -r "$BATS_TEST_DIRNAME/../tools" kit/
	ln -s "$(command -v bash)" bin/bash
	ln -s "$(command -v readlink)" bin/readlink
	command_in_bin python3.11 'exit 1'
	stub_packages
	touch calls
}

setup() {
	cp -a "$BATS_FILE_TMPDIR/machine/." "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR" || return
	export CALLS=$PWD/calls DOCTOR_ROOT=$PWD/root BIN=$PWD/bin BUILD=$PWD/build PYTHON=$PWD/bin/python3.11 HOSTTYPE=x86_64
	unset XEN XEN_SRC CC CFLAGS CROSS_COMPILE
}

# Every proof in packages.tsv as a command that notes its call, as a header, or as a file.
stub_packages() {
	local package proof
	while IFS=$'\t' read -r package _ proof _; do
		case $package:$proof in
		'#'* | *:python*) ;;
		*:import*) file_in_root "/usr/lib/python3/dist-packages/${proof#import }/__init__.py" ;;
		*:*'<'*) proof=${proof#*<} && file_in_root "/usr/include/${proof%>}" ;;
		*:/*) file_in_root "$proof" ;;
		*:gdb\ *) ;;
		*:*gcc) command_in_bin "$proof" "[ \"\$1\" != --version ] || { echo $proof 1.2.3; exit; }
			exec $(command -v gcc) -nostdinc -isystem \"\$DOCTOR_ROOT/usr/include\" \"\$@\"" ;;
		*) command_in_bin "${proof%%|*}" "echo ${proof%%|*} 1.2.3" ;;
		esac
	done <kit/tools/packages.tsv
}

file_in_root() { # path
	mkdir -p "root${1%/*}" && touch "root$1"
}

command_in_bin() { # name, what it does after noting its call
	printf '#!%s\necho "%s $*" >>"$CALLS"\n%s\n' "$(command -v bash)" "$1" "$2" >"bin/$1"
	chmod +x "bin/$1"
}

# What doctor may start once something is missing. User 0 is root.
basics() { # user
	local tool
	for tool in cat env flock grep head mkdir rm sed tail timeout touch chmod sleep; do
		ln -sf "$(command -v "$tool")" bin/
	done
	command_in_bin id "echo $1"
	: >calls
}

doctor() { PATH=$BIN kit/tools/doctor "$@"; }

apt_brings() { # command: an apt-get that installs it
	command_in_bin apt-get "echo lots of words; echo '#!/bin/sh' >\$BIN/$1; chmod +x \$BIN/$1"
}

INSTALL='apt-get install -y --no-install-recommends'

@test "nothing missing: silent, and no command is started but the compilers" {
	run doctor --need run,xen,debsrc,check,gdb,doc </dev/null
	[ "$status" = 0 ]
	[ -z "$output" ]
	grep -q '^gcc ' calls
	run ! grep -v '^gcc ' calls
	[ ! -e build ]
}

@test "a missing package of another group does not matter" {
	rm bin/gdb
	run doctor --need run,xen
	[ "$status" = 0 ]
	[ -z "$output" ]
}

@test "neither root nor sudo: the commands for all of the kit, and failure" {
	basics 1000
	command_in_bin apt-get ''
	rm bin/qemu-system-x86_64 root/usr/include/xen/xen.h bin/doxygen
	run doctor --need run </dev/null
	[ "$status" = 1 ]
	[ "${lines[0]}" = "doctor: missing: libxen-dev (Xen's public headers)" ]
	[ "${lines[1]}" = "doctor: missing: qemu-system-x86 (the machine that Xen boots on)" ]
	[[ ${lines[2]} == *"not root, and sudo would not help"* ]]
	[ "${lines[3]}" = "  su -    # and then" ]
	[ "${lines[4]}" = "  apt-get update" ]
	[ "$(tr -d '\134' <<<"${lines[*]:5}" | xargs)" = "$INSTALL libxen-dev qemu-system-x86 doxygen" ]
	run ! grep apt-get calls
}

@test "a compiler that somebody names and that is not there: that is said, and nothing is installed" {
	basics 0
	command_in_bin apt-get ''
	CC="nocc -m32" run doctor --need run </dev/null
	[ "$status" = 1 ]
	[ "$output" = "doctor: there is no nocc, which CC= or CROSS_COMPILE= names" ]
	run ! grep apt-get calls
}

@test "a sudo that would ask and nobody to ask: the commands, and failure" {
	basics 1000
	command_in_bin apt-get ''
	command_in_bin sudo 'exit 1'
	rm bin/flex
	run doctor --need run,xen </dev/null
	[ "$status" = 1 ]
	[ "${lines[-2]}" = "  sudo apt-get update" ]
	[ "${lines[-1]}" = "  sudo $INSTALL flex" ]
	[ "$(grep '^sudo' calls)" = "sudo -n true" ]
}

@test "somebody whom sudo does not know is asked for no password" {
	basics 1000
	command_in_bin apt-get ''
	command_in_bin sudo '[ "$1" != -n ] && touch $BIN/../asked'
	command_in_bin id '[ "$1" = -u ] && echo 1000 || echo users audio'
	rm bin/flex
	run script -qec "env PATH=$BIN kit/tools/doctor --need run,xen" /dev/null
	[ "$status" = 1 ]
	[[ $output == *"sudo would not help: ask whoever administers this machine"* ]]
	[ ! -e asked ]
}

@test "a sudo that may ask, on a terminal: it is used" {
	basics 1000
	apt_brings flex
	command_in_bin sudo '[ "$1" != -n ] && "$@"'
	command_in_bin id '[ "$1" = -u ] && echo 1000 || echo users sudo'
	rm bin/flex
	run script -qec "env PATH=$BIN kit/tools/doctor --need run,xen" /dev/null
	[ "$status" = 0 ]
	grep -q '^sudo env .* apt-get .*install' calls
}

@test "sudo: what and why is said first, then it is run" {
	basics 1000
	apt_brings flex
	command_in_bin sudo '[ "$1" != -n ] || shift; "$@"'
	rm bin/flex
	run doctor --need run,xen </dev/null
	[ "$status" = 0 ]
	[ "${lines[0]}" = "doctor: missing: flex (reads Xen's configuration language)" ]
	[ "${lines[1]}" = "doctor: running: sudo $INSTALL flex" ]
	[ "${#lines[@]}" = 2 ]
	grep -q '^sudo env .* apt-get .*install' calls
	grep -q 'apt-get .*install -y --no-install-recommends flex$' calls
}

@test "root: installed without sudo, apt's words in the log only" {
	basics 0
	apt_brings flex
	command_in_bin sudo '"$@"'
	rm bin/flex
	run doctor --need xen </dev/null
	[ "$status" = 0 ]
	[ "${lines[1]}" = "doctor: running: $INSTALL flex" ]
	[ "${#lines[@]}" = 2 ]
	grep -q 'lots of words' build/doctor.log
	run ! grep -E 'sudo|update' calls
}

@test "apt without its lists: they are fetched, then it goes on" {
	basics 0
	command_in_bin apt-get 'case "$*" in *update) touch $BIN/../lists ;; *)
		[ -e $BIN/../lists ] || { echo "E: Unable to locate package flex"; exit 100; }
		touch $BIN/flex; chmod +x $BIN/flex ;; esac'
	rm bin/flex
	run doctor --need xen </dev/null
	[ "$status" = 0 ]
	[ "$(grep -oE 'install|update' <(sed 's/--no-install//' calls) | tr '\n' ' ')" = "install update install " ]
}

@test "a failed installation: apt's reason and the log, in one line" {
	basics 0
	command_in_bin apt-get 'echo "W: hm"; echo "E: No space left"; echo more; exit 100'
	rm bin/flex
	run doctor --need xen </dev/null
	[ "$status" = 1 ]
	[ "${lines[2]}" = "doctor: the installation failed: E: No space left; see $BUILD/doctor.log" ]
	[ "${#lines[@]}" = 3 ]
	run ! grep update calls
}

@test "installed and still not there: said clearly" {
	basics 0
	command_in_bin apt-get ''
	rm bin/flex
	run doctor --need xen </dev/null
	[ "$status" = 1 ]
	[[ ${lines[2]} == *"installed, and yet not found: flex"* ]]
}

@test "other distributions: their names and their command, and nobody is asked for dpkg-dev" {
	basics 0
	rm bin/flex bin/dpkg-source bin/qemu-img root/usr/include/xen/xen.h
	is() { # ID line of os-release, last lines
		echo "$1" >root/etc/os-release
		run doctor --need run,xen,debsrc </dev/null
		[ "$status" = 1 ]
		[[ $output == *"README has a section \"Other distributions\""* && $output != *dpkg-dev* ]]
		[ "$(printf '%s\n' "${lines[@]:3}")" = "$2" ] || { echo "$output"; return 1; }
	}
	lines_of() { printf '%s\n' "$@"; }
	is 'ID="rocky"; ID_LIKE="rhel centos fedora"' "  dnf install xen-devel flex qemu-img"
	is ID=arch "$(lines_of '  pacman -S --needed flex qemu-img' '  # not among the packages here, as far as we know: (libxen-dev)')"
	is ID=nixos "  nix-shell -p xen.dev flex qemu"
	is ID=suse "  (install, by whatever names they have here: libxen-dev flex qemu-utils )"
}

@test "a header counts if the compiler finds it, wherever it is" {
	mv root/usr/include/xen root/
	basics 1000
	run doctor --need run </dev/null
	[ "$status" = 1 ]
	CFLAGS="-I $PWD/root" run doctor --need run </dev/null
	[ "$status" = 0 ]
	# One that is there, but not all that it includes.
	mv root/xen root/usr/include/
	echo '#include "arch-x86/xen.h"' >root/usr/include/xen/xen.h
	run doctor --need run </dev/null
	[ "$status" = 1 ]
}

@test "Python before 3.10 does not do, and 3.10 needs tomli" {
	basics 0
	mv bin/python3.11 bin/python3.10
	export PYTHON=$BIN/python3.10
	run doctor --need run </dev/null
	[ "$status" = 0 ]
	run doctor --need lab </dev/null
	[[ $output == *"missing: python3-tomli (reads the labs' tables, for a Python before 3.11)"* ]]
	file_in_root /usr/lib/python3/dist-packages/tomli/__init__.py
	run doctor --need lab </dev/null
	[ "$status" = 0 ]
	mv bin/python3.10 bin/python3.9
	PYTHON=$BIN/python3.9 run doctor --need run </dev/null
	[ "$status" = 1 ]
	[[ $output == *"missing: python3 (3.10 or later: "* ]]
}

@test "on a machine that is no PC: a cross compiler, gdb-multiarch, and no GRUB for a PC" {
	basics 0
	export HOSTTYPE=aarch64
	rm -r bin/x86_64-linux-gnu-* bin/gdb root/usr/lib/grub
	command_in_bin apt-get ''
	run doctor --need run,check,gdb </dev/null
	[ "$status" = 1 ]
	[ "$(grep -c 'missing: ' <<<"$output")" = 3 ]
	[[ $output == *"missing: gcc-x86-64-linux-gnu "*"missing: binutils-x86-64-linux-gnu "*"missing: gdb-multiarch "* ]]
	# Debian's own gdb there knows its own machine only.
	command_in_bin gdb 'echo Undefined item: \"i386:x86-64\".'
	run doctor --need gdb </dev/null
	[ "$status" = 1 ]
	command_in_bin gdb-multiarch 'echo The target architecture is set to \"i386:x86-64\".'
	run doctor --need gdb </dev/null
	[ "$status" = 0 ]
}

@test "a group that does not exist is refused" {
	run doctor --need run,fun
	[ "$status" = 1 ]
	[[ $output == *"'fun'"* ]]
	run doctor --fun
	[ "$status" = 2 ]
}

@test "the list: versions, what is missing, the commands, failure; 80 columns" {
	basics 1000
	command_in_bin apt-get ''
	command_in_bin dpkg-query '[ "${!#}" != make ] || printf "installed 4.3-4.1"'
	command_in_bin sudo 'exit 1'
	rm bin/qemu-system-x86_64 bin/bats bin/gdb
	run doctor </dev/null
	[ "$status" = 1 ]
	grep -qE '^make +4\.3-4\.1 +run,xen,check$' <<<"$output"
	grep -qE '^gcc +gcc 1\.2\.3 +run,xen,check$' <<<"$output"
	grep -qE '^qemu-system-x86 +MISSING +run,check$' <<<"$output"
	grep -qE '^gdb +MISSING +gdb$' <<<"$output"
	grep -qx 'QEMU: missing' <<<"$output"
	grep -qx 'hypervisor: not built yet: make xen' <<<"$output"
	grep -q '^Python: .*3\.10 or later' <<<"$output"
	[ "${lines[-1]}" = "  sudo $INSTALL qemu-system-x86 bats gdb" ]
	rm -r bin/{git,doxygen,dot,qemu-img,node,codespell,xorriso,flex,parallel} root/usr
	run doctor </dev/null
	[ "$status" = 1 ]
	run ! grep -E '.{81}' <<<"$output"
}

@test "the list: what only make gdb needs is no failure" {
	basics 0
	command_in_bin apt-get ''
	rm bin/gdb
	run doctor
	[ "$status" = 0 ]
	[ "${lines[-1]}" = "  $INSTALL gdb" ]
}

@test "the list: building tools matter only until the hypervisor is there" {
	basics 0
	command_in_bin apt-get ''
	rm bin/flex bin/dpkg-source
	run doctor
	[ "$status" = 1 ]
	[ "${lines[-1]}" = "  $INSTALL flex dpkg-dev" ]
	XEN_SRC=/some/tree run doctor
	[ "$status" = 1 ]
	[ "${lines[-1]}" = "  $INSTALL flex" ]
	XEN=$BUILD/xen/xen run doctor
	[ "$status" = 1 ]
	XEN=/some/xen run doctor
	[ "$status" = 0 ]
	grep -qx 'hypervisor: /some/xen is not there' <<<"$output"
	mkdir -p build/xen
	touch build/xen/xen
	echo 4.17.5+72 >build/xen/version
	run doctor
	[ "$status" = 0 ]
	grep -qxF "hypervisor: $BUILD/xen/xen (4.17.5+72)" <<<"$output"
}

@test "packages.tsv: seven columns in every line, and no package twice" {
	run awk -F'\t' '!/^#/ && (NF != 7 || $1 == "" || $7 == "" || seen[$1]++)' kit/tools/packages.tsv
	[ -z "$output" ]
}
