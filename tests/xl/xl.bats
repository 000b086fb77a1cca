#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# make check-xl: the stages as domUs of a real toolstack, Debian's xl on a Linux dom0; and that a guest finds the same whether
# xl or stage 6 has built it. Downloads Debian's kernel and xl, once; takes a minute or two.

load ../lib

setup_file() {
	local mode
	export said=$BATS_FILE_TMPDIR/said
	for mode in x86_32 x86_64; do
		make -s ARCH=$mode images "build/$mode/entry-state.elf"
	done
	tests/xl/dom0 build/x86_{32,64}/{stage{2,3,4,5},entry-state}.elf build/x86_{32,64}/stage5.bzImage >"$said"
}

# What xl's guest printed, and how it ended.
of_guest() { # mode-image
	sed -n "s/^xl: $1: //p" "$said"
}

prints() { # mode-image, text
	output=$(of_guest "$1")
	[[ $output == *"$2"* ]] || { echo "no '$2' in what $1 printed:" "$output"; return 1; }
}

@test "stages 2 to 5, and the bzImage, end by themselves in both widths" {
	for mode in x86_32 x86_64; do
		prints $mode-stage2.elf "stage 2: hello from P=V"
		prints $mode-stage3.elf "reads the same at P=V and at its VA"
		for image in stage4.elf stage5.elf stage5.bzImage; do
			prints "$mode-$image" "  tick 3"
			prints "$mode-$image" 'flags 0x0: none'
			prints "$mode-$image" 'command line: "first=1 second"'
			prints "$mode-$image" "all done"
		done
		for image in stage{2,3,4,5}.elf stage5.bzImage; do
			grep -qE "^xl: $mode-$image: state -+s-+$" "$said" || { of_guest "$mode-$image"; false; }
		done
	done
}

@test "a guest reads its name in the real xenstore" {
	for guest in x86_{32,64}-stage4.elf; do
		prints "$guest" "name in xenstore: \"$guest\""
	done
}

@test "start_info, layout and rights: what xl makes and what stage 6 makes differ in two ports" {
	for mode in x86_32 x86_64; do
		run make run STAGE=6 GUEST="build/$mode/entry-state.elf" GUEST_MEM=16 CMDLINE="first=1 second"
		ends 0 "the guest ended with reason 0"
		of_guest $mode-entry-state.elf | grep -E '^(start_info|place|rights)' >"$BATS_TEST_TMPDIR/xl"
		sed -n 's/^\[domain 1\] //p' <<<"$output" | sed 's/ guest_mem=16"$/"/' >"$BATS_TEST_TMPDIR/ours"
		[ "$(wc -l <"$BATS_TEST_TMPDIR/ours")" = 21 ]
		run diff "$BATS_TEST_TMPDIR/xl" "$BATS_TEST_TMPDIR/ours"
		# xl opens the store's channel first.
		[ "$(grep -c '^[<>]' <<<"$output")" = 4 ] || { echo "$output"; false; }
		[ "$(grep '^[<>]' <<<"$output" | grep -vc evtchn)" = 0 ] || { echo "$output"; false; }
	done
}

@test "no domain is left" {
	[ "$(grep -c '^xl: left: ' "$said")" = 2 ] || { cat "$said"; false; } # the title, and dom0
	grep -q '^xl: left: Domain-0 ' "$said"
}
