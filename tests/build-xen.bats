#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# tools/build-xen with a Xen source tree of a few lines and a fake apt: nothing is downloaded, nothing real is built.
#
# shellcheck disable=SC2016 # what stands in single quotes is for the fake commands to expand

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	mkdir -p kit/tools bin
	cp "$BATS_TEST_DIRNAME"/../tools/{build-xen,xen.config} kit/tools/
	make_tree tree
	export XEN_SRC=$PWD/tree PATH=$PWD/bin:$PATH T=$PWD
	unset BUILD
}

# The targets that build-xen uses. "make-xen" stands for the compilation and is what a test replaces.
make_tree() { # folder
	mkdir -p "$1/xen" "$1/config"
	touch "$1/Config.mk"
	cat >"$1/xen/Makefile" <<-'END'
		distclean:; rm -f stale.o
		xenversion:; @echo 9.9
		olddefconfig:; test ! -e forgets || sed -i "/$$(cat forgets)/d" .config
		xen:; @echo "  CC      first.o" && sh ./make-xen && echo "  CC      second.o ARCH=$(ARCH)$$ARCH V=$(V)"
	END
	cat >"$1/xen/make-xen" <<-'END'
		test ! -e stale.o && printf "\177ELF\001rest" >xen && echo symbols >xen-syms
	END
	touch "$1/xen/stale.o"
}

# Only for a test that failed.
teardown() {
	[ ! -e pid ] || kill -KILL "$(cat pid)" "$builder" 2>/dev/null || :
}

command_in_bin() { # name, what it does
	printf '#!/bin/sh\n%s\n' "$2" >"bin/$1"
	chmod +x "bin/$1"
}

# An archive of the versions given; those in the file served can be downloaded. That update fails as a whole, as it
# does when one of several sources is dead, must not matter.
fake_apt() {
	unset XEN_SRC
	printf 'Version: %s\n' "$@" >showsrc
	printf 'xen-hypervisor-9-amd64 | %s | somewhere\n' "$@" >madison
	mkdir -p etc/sources.list.d
	export APT_ETC=$PWD/etc
	command_in_bin apt-cache 'case $* in
		*showsrc*) cat $T/showsrc ;;
		*search*) echo "xen-hypervisor-9-amd64 - a Xen" ;;
		*madison*) cat $T/madison ;; esac'
	command_in_bin apt-get 'for last; do :; done
		echo "$last" >>$T/asked
		grep -q "SourceParts .${2%/conf}/parts.;" "$2" || { echo "E: not the private state"; exit 100; }
		case $* in *update) cp -r "${2%/conf}/parts" $T/; exit 100 ;; esac
		grep -qx "${last#*=}" $T/served || { echo "E: 404"; exit 100; }
		touch "a.dsc" "a.deb"'
	command_in_bin dpkg-source 'cp -r $T/tree $4; rm $4/xen/stale.o'
	command_in_bin dpkg-deb 'mkdir $3/boot; printf "\177ELF\001stock" | gzip >$3/boot/xen-9-amd64.gz'
	touch served asked
}

nothing_left() { # but the log of the failure
	[ -z "$(find kit/build -mindepth 1 ! -name '*.lock' ! -name xen-build.log)" ]
}

gone() { # process; one that only waits for init to take note of its end is gone
	timeout $((20 * ${SLOW:-1})) sh -c "until ! grep -q '^State:.*[^Z] ' /proc/$1/status 2>/dev/null; do sleep 0.05; done"
}

# Starts a build that takes as long as it may, and returns when it is in the middle of it.
start_endless_build() {
	echo "sleep 600 & echo \$! >$T/pid; touch $T/under-way; wait" >tree/xen/make-xen
	env --default-signal=INT kit/tools/build-xen 2>errors 3>&- &
	builder=$!
	timeout $((60 * ${SLOW:-1})) sh -c 'until [ -e under-way ]; do sleep 0.05; done'
}

@test "a source tree of one's own: everything is in its place, and the tree as before" {
	cp -r tree before
	mkdir -p kit/build/xen.tmp/tree/xen # left by a killed build
	run kit/tools/build-xen
	[ "$status" = 0 ]
	[[ ${lines[0]} == "xen: building 9.9 from $T/tree: "*" files (of 500 to 600), "*" s" ]]
	[[ ${lines[-1]} == "xen: 9.9 from $T/tree is ready in build/xen, after "*" s" ]]
	[ "$(echo kit/build/xen/*)" = "$(echo kit/build/xen/{build.log,version,xen,xen-syms})" ]
	[ "$(ls kit/build)" = $'xen\nxen.lock' ]
	[ "$(cat kit/build/xen/version)" = "9.9 from $T/tree" ]
	grep -q '^  CC      second.o' kit/build/xen/build.log
	diff -r before tree
}

@test "the folder xen/ of a source tree will do" {
	XEN_SRC=tree/xen run kit/tools/build-xen
	[ "$status" = 0 ]
	[ -e kit/build/xen/xen ]
}

@test "BUILD= is where it goes" {
	BUILD=$T/elsewhere run kit/tools/build-xen
	[ "$status" = 0 ]
	[ -e elsewhere/xen/xen ]
	[ ! -e kit/build ]
}

@test "the variables of the make that calls do not reach Xen's" {
	ARCH=x86_32 MAKEFLAGS=' -- V=1 ARCH=x86_32' run kit/tools/build-xen
	[ "$status" = 0 ]
	grep -qx '  CC      second.o ARCH= V=' kit/build/xen/build.log
}

@test "the pause behind warnings is left out, and the reader's own tree stays as it is" {
	mkdir tree/xen/common
	printf '%s\n' 'shown();' '            mdelay(10);' 'done();' | tee kept >tree/xen/common/warning.c
	sed -i '1i cat common/warning.c' tree/xen/make-xen
	kit/tools/build-xen
	grep -A1 '^shown' kit/build/xen/build.log | grep -qx 'done();'
	cmp kept tree/xen/common/warning.c
}

@test "there already: left alone; from another tree: made again" {
	kit/tools/build-xen
	echo mine >kit/build/xen/xen
	run kit/tools/build-xen
	[ "$status" = 0 ]
	[[ $output == *"is in build/xen already; remove that folder"* ]]
	[ "$(cat kit/build/xen/xen)" = mine ]
	make_tree tree2
	XEN_SRC=tree2 run kit/tools/build-xen
	[ "$status" = 0 ]
	[ "$(cat kit/build/xen/version)" = "9.9 from $T/tree2" ]
	[ "$(ls kit/build)" = $'xen\nxen.lock' ]
}

@test "a failed build names the line of the log, and leaves nothing but the log" {
	echo 'echo "sh: lsb_release: not found"; echo "a.c:3:1: error: no such luck"; exit 1' >tree/xen/make-xen
	run kit/tools/build-xen
	[ "$status" = 1 ]
	[[ ${lines[-1]} =~ ^"xen: build failed: see line "([0-9]+)" of build/xen-build.log: a.c:3:1: error: no such luck"$ ]]
	[ "$(sed -n "${BASH_REMATCH[1]}p" kit/build/xen-build.log)" = "a.c:3:1: error: no such luck" ]
	nothing_left
}

@test "a build that succeeds takes the log of the failed one away" {
	mkdir kit/build
	touch kit/build/xen-build.log
	kit/tools/build-xen
	[ ! -e kit/build/xen-build.log ]
}

@test "what is made must be a 32-bit ELF file" {
	echo 'echo "#!/bin/sh" >xen; touch xen-syms' >tree/xen/make-xen
	run kit/tools/build-xen
	[ "$status" = 1 ]
	[[ ${lines[-1]} == *"not a 32-bit ELF file"*"see build/xen-build.log" ]]
	nothing_left
}

@test "a source without an option that the kit needs is refused" {
	echo PV32 >tree/xen/forgets
	run kit/tools/build-xen
	[ "$status" = 1 ]
	[ "${lines[-1]}" = "xen: Xen 9.9 from $T/tree cannot be built with CONFIG_PV32=y, which the kit needs (tools/xen.config says why)" ]
	nothing_left
}

@test "a folder that is not a Xen source tree is refused" {
	XEN_SRC=bin run kit/tools/build-xen
	[ "$status" = 1 ]
	[ "$output" = "xen: XEN_SRC=$T/bin is not a Xen source tree (it should hold Config.mk and xen/Makefile)" ]
	nothing_left
	run kit/tools/build-xen --fun
	[ "$status" = 2 ]
}

@test "an interrupted build leaves no file and no process" {
	for signal in INT TERM HUP; do
		rm -f under-way
		start_endless_build
		kill "-$signal" "$builder"
		gone "$builder"
		status=0
		wait "$builder" || status=$?
		[ "$status" -ge 128 ]
		gone "$(cat pid)"
		[ "$(ls kit/build)" = xen.lock ]
	done
}

@test "an interrupt is not lost between the commands that follow a build" {
	# Each of them sends it when it has printed all that it will, the first one that is called.
	for name in grep sleep; do
		command_in_bin $name "case \$1 in -c | 0.2) ;; *) exec /usr/bin/$name \"\$@\" ;; esac
			until [ -e $T/under-way ]; do /usr/bin/sleep 0.05; done
			/usr/bin/$name \"\$@\"; exec >&-
			! mkdir $T/sent 2>/dev/null || kill -INT \$PPID; /usr/bin/sleep 0.1"
	done
	start_endless_build
	gone "$builder"
	status=0
	wait "$builder" || status=$?
	[ "$status" = 130 ]
	gone "$(cat pid)"
}

@test "two at once: the second waits and finds it done" {
	echo "touch $T/under-way; timeout $((60 * ${SLOW:-1})) sh -c 'until grep -q another $T/second; do sleep 0.05; done'" |
		cat - tree/xen/make-xen >slow
	mv slow tree/xen/make-xen
	kit/tools/build-xen 2>errors 3>&- &
	timeout $((60 * ${SLOW:-1})) sh -c 'until [ -e under-way ]; do sleep 0.05; done'
	kit/tools/build-xen >second 2>&1
	wait
	mapfile -t lines <second
	[[ ${lines[0]} == "xen: another build is under way"* ]]
	[[ ${lines[1]} == *"is in build/xen already"* ]]
	grep -q 'is ready' errors
}

@test "a terminal gets one line that counts" {
	# The compilation lasts until the line has been seen to count.
	echo "timeout $((60 * ${SLOW:-1})) sh -c \"until grep -q ' 1 files (of 500 to 600), [1-9][0-9]* s' $T/screen; do sleep 0.1; done\"" |
		cat - tree/xen/make-xen >slow
	mv slow tree/xen/make-xen
	run script -qefc kit/tools/build-xen screen
	[ "$status" = 0 ]
	[[ ${lines[0]} == *$' s\r'*$'1 files (of 500 to 600), '[1-9]*$' s\r'* ]]
}

@test "Debian's source: a version that is listed but not served is passed over" {
	fake_apt 9.8+1 9.7 9.10~rc1
	echo 9.8+1 >served
	run kit/tools/build-xen
	[ "$status" = 0 ]
	[ "$(tr '\n' ' ' <asked)" = "update xen=9.10~rc1 xen=9.8+1 " ]
	[[ ${lines[2]} == "xen: xen=9.10~rc1 is listed but could not be downloaded" ]]
	[ "$(cat kit/build/xen/version)" = 9.8+1 ]
	[ "$(ls kit/build)" = $'xen\nxen.lock' ]
}

@test "Debian's source: the machine's sources, asked for source packages" {
	fake_apt 9.8
	echo 9.8 >served
	printf 'deb [signed-by=/k] http://a.example/ x main\ndeb-src http://b.example/ x main\n# deb no\n' >etc/sources.list
	printf 'Types: deb\nURIs: http://c.example/\nSigned-By: /k\n' >etc/sources.list.d/c.sources
	cp -r etc etc-before
	kit/tools/build-xen
	diff parts/sources.list - <<-END
		deb-src [signed-by=/k] http://a.example/ x main
		deb-src http://b.example/ x main
		# deb no
	END
	diff parts/c.sources <(printf 'Types: deb-src\nURIs: http://c.example/\nSigned-By: /k\n')
	diff -r etc-before etc
}

@test "Debian's source: nothing can be downloaded" {
	fake_apt 9.8 9.7
	run kit/tools/build-xen
	[ "$status" = 1 ]
	[ "${lines[-1]}" = "xen: this machine's package sources did not give Xen (no network?): give a Xen source tree (XEN_SRC=path) or a ready Xen (XEN=path); see build/xen-build.log" ]
	grep -q 'E: 404' kit/build/xen-build.log
	nothing_left
}

@test "no apt-get: says what to give instead" {
	fake_apt 9.8
	mkdir others
	ln -s /usr/bin/* /bin/* others/ 2>/dev/null || :
	rm -f others/apt-get
	PATH=$T/others run kit/tools/build-xen
	[ "$status" = 1 ]
	[ "$output" = "xen: no apt-get here: give a Xen source tree (XEN_SRC=path) or a ready Xen (XEN=path)" ]
	PATH=$T/others run kit/tools/build-xen --stock
	[ "$status" = 1 ]
	[ "$output" = "xen: no apt-get here: Debian's ready-made Xen can be had by it alone" ]
}

@test "Debian's ready-made Xen is unpacked, not installed" {
	fake_apt 9.8 9.7
	echo 9.7 >served
	run kit/tools/build-xen --stock
	[ "$status" = 0 ]
	[ "$(tr '\n' ' ' <asked)" = "update xen-hypervisor-9-amd64=9.8 xen-hypervisor-9-amd64=9.7 " ]
	[ "$(cat kit/build/xen-stock/version)" = 9.7 ]
	grep -q stock kit/build/xen-stock/xen
	[ "$(ls kit/build)" = $'xen-stock\nxen-stock.lock' ]
}
