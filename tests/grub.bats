#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Stage 5's file through a real boot loader: GRUB, from a disc, with a BIOS below.
#
# shellcheck disable=SC2154 # good comes from lib.bash

load lib

setup_file() {
	good_tree x86_32/stage5
	make_image "$good" x86_32/stage5 build/x86_32/stage5.bzImage
}

# A PC that finds the disc: nothing is handed to QEMU that GRUB would not get from a BIOS.
pc() { # seconds, QEMU option...
	exec timeout "$1" qemu-system-x86_64 -M pc -nodefaults -vga none -display none -m 128 -no-reboot \
		-cdrom "$BATS_TEST_TMPDIR/disc.iso" -serial stdio -chardev testdev,id=verdict -device isa-debugcon,iobase=0xf4,chardev=verdict \
		-accel tcg "${@:2}" </dev/null
}

boot_disc() { # entry
	tools/grub-iso "$good/build/x86_32/stage5.bzImage" "$BATS_TEST_TMPDIR/disc.iso" "$1"
	run pc 120 -icount shift=9,sleep=off
}

@test "natively, by the 32-bit protocol" {
	boot_disc 0
	ends 33 "in ring 0, on a bare machine"
	ends 33 "boot protocol 2.08, loader type 0x72" # GRUB's
	ends 33 'command line: "BOOT_IMAGE=/boot/image by GRUB"'
}

@test "natively, by the 16-bit protocol" {
	boot_disc 1
	ends 33 "in ring 0, on a bare machine"
	ends 33 'command line: "BOOT_IMAGE=/boot/image by GRUB"'
}

@test "under Xen, as its module" {
	boot_disc 2
	ends 33 "in ring 1, on Xen"
	ends 33 'command line: "by GRUB"'
}

@test "without an entry there is a menu of the three, and it waits" {
	tools/grub-iso "$good/build/x86_32/stage5.bzImage" "$BATS_TEST_TMPDIR/disc.iso"
	pc 120 >"$BATS_TEST_TMPDIR/screen" 3>&- &
	for _ in {1..100}; do
		grep -aq 'xen  ' "$BATS_TEST_TMPDIR/screen" && break
		sleep 1
	done
	sleep 1
	kill $!
	wait
	grep -aq 'native  .*native16  .*xen  ' "$BATS_TEST_TMPDIR/screen"
	[ "$(grep -ac start_kernel "$BATS_TEST_TMPDIR/screen")" = 0 ]
}
