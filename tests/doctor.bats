#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# tools/doctor on machines made for it: a PATH that holds the wanted tools as stubs, a fake id, sudo and apt-get.
# Nothing of the real machine counts but bash and a few basic commands.
#
# shellcheck disable=SC2016 # what stands in single quotes is for the fake commands to expand

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	mkdir -p kit bin root
	cp -r "$BATS_TEST_DIRNAME/../tools" kit/
	export CALLS=$PWD/calls DOCTOR_ROOT=$PWD/root BIN=$PWD/bin BUILD=$PWD/build
	unset XEN XEN_SRC
	ln -s "$(command -v bash)" bin/bash
	stub_packages
	touch calls
}

# Every proof in packages.tsv as a command that notes its call, or as a file.
stub_packages() {
	local package _ proof
	while IFS=$'\t' read -r package _ proof _; do
		case $package:$proof in
		'#'*) ;;
		*:/*) mkdir -p "root${proof%/*}" && touch "root$proof" ;;
		*) command_in_bin "$proof" "echo $proof 1.2.3" ;;
		esac
	done <kit/tools/packages.tsv
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

@test "nothing missing: silent, and no command is started" {
	run doctor --need run,xen,debsrc,check,gdb,doc </dev/null
	[ "$status" = 0 ]
	[ -z "$output" ]
	[ ! -s calls ]
	[ ! -e build ]
}

@test "a missing package of another group does not matter" {
	rm bin/gdb
	run doctor --need run,xen
	[ "$status" = 0 ]
	[ -z "$output" ]
}

@test "neither root nor sudo: the exact command, and failure" {
	basics 1000
	command_in_bin apt-get ''
	rm bin/qemu-system-x86_64 root/usr/include/xen/xen.h
	run doctor --need run </dev/null
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output == *"qemu-system-x86 (the machine that Xen boots on)"* ]]
	[[ $output == *"run: su -c '$INSTALL libxen-dev qemu-system-x86'" ]]
	run ! grep apt-get calls
}

@test "a sudo that would ask and nobody to ask: the exact command, and failure" {
	basics 1000
	command_in_bin apt-get ''
	command_in_bin sudo 'exit 1'
	rm bin/flex
	run doctor --need run,xen </dev/null
	[ "$status" = 1 ]
	[[ $output == *"run: sudo $INSTALL flex" ]]
	[ "$(grep -v '^id ' calls)" = "sudo -n true" ]
}

@test "a sudo that may ask, on a terminal: it is used" {
	basics 1000
	apt_brings flex
	command_in_bin sudo '[ "$1" != -n ] && "$@"'
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
	[ "${#lines[@]}" = 1 ]
	[[ $output == *"flex (reads Xen's configuration language). Running: sudo $INSTALL flex" ]]
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
	[ "${#lines[@]}" = 1 ]
	[[ $output == *"Running: $INSTALL flex" ]]
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
	[ "${lines[1]}" = "doctor: the installation failed: E: No space left; see $BUILD/doctor.log" ]
	[ "${#lines[@]}" = 2 ]
	run ! grep update calls
}

@test "installed and still not there: said clearly" {
	basics 0
	command_in_bin apt-get ''
	rm bin/flex
	run doctor --need xen </dev/null
	[ "$status" = 1 ]
	[[ ${lines[1]} == *"installed, and yet not found: flex"* ]]
}

@test "another distribution: names, and where to read" {
	basics 0
	rm bin/flex bin/bison
	run doctor --need xen </dev/null
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output == *"install flex bison your system's way; README"* ]]
}

@test "a group that does not exist is refused" {
	run doctor --need run,fun
	[ "$status" = 1 ]
	[[ $output == *"'fun'"* ]]
	run doctor --fun
	[ "$status" = 2 ]
}

@test "the list: versions, what is missing, one command, failure" {
	basics 1000
	command_in_bin apt-get ''
	command_in_bin dpkg-query '[ "${!#}" != make ] || printf "installed 4.3-4.1"'
	command_in_bin sudo 'exit 1'
	rm bin/qemu-system-x86_64 bin/bats bin/gdb
	run doctor </dev/null
	[ "$status" = 1 ]
	grep -qE '^make +run,xen,check +4\.3-4\.1 ' <<<"$output"
	grep -qE '^gcc +run,xen,check +gcc 1\.2\.3 ' <<<"$output"
	grep -qE '^qemu-system-x86 +run,check +missing ' <<<"$output"
	grep -qE '^gdb +gdb +missing ' <<<"$output"
	grep -qx 'QEMU: missing' <<<"$output"
	grep -qx 'hypervisor: not built yet: make xen' <<<"$output"
	[ "${lines[-1]}" = "sudo $INSTALL qemu-system-x86 bats" ]
}

@test "the list: what only make gdb needs is no failure" {
	basics 0
	command_in_bin apt-get ''
	rm bin/gdb
	run doctor
	[ "$status" = 0 ]
	[ "${lines[-1]}" = "$INSTALL gdb" ]
}

@test "the list: building tools matter only until the hypervisor is there" {
	basics 0
	command_in_bin apt-get ''
	rm bin/flex bin/dpkg-source
	run doctor
	[ "$status" = 1 ]
	[ "${lines[-1]}" = "$INSTALL flex dpkg-dev" ]
	XEN_SRC=/some/tree run doctor
	[ "$status" = 1 ]
	[ "${lines[-1]}" = "$INSTALL flex" ]
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

@test "packages.tsv: four columns in every line, and no package twice" {
	run awk -F'\t' '!/^#/ && (NF != 4 || $1 == "" || $4 == "" || seen[$1]++)' kit/tools/packages.tsv
	[ -z "$output" ]
}
