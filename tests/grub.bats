#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Stage 5's file through a real boot loader: GRUB, from a disc, with a BIOS below.
#
# shellcheck disable=SC2154 # good comes from lib.bash

load lib

setup_file() {
	good_tree
	make_image "$good" x86_32/stage5 build/x86_32/stage5.bzImage
}

# Boots the disc's entry, with nothing in the machine that GRUB would not find on a PC.
boot_disc() { # entry
	tools/grub-iso "$good/build/x86_32/stage5.bzImage" "$BATS_TEST_TMPDIR/disc.iso" "$1"
	run timeout 120 qemu-system-x86_64 -M pc -nodefaults -vga none -display none -m 128 -no-reboot \
		-cdrom "$BATS_TEST_TMPDIR/disc.iso" -serial stdio -device isa-debug-exit,iobase=0xf4,iosize=4 \
		-accel tcg -icount shift=9,sleep=off </dev/null
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

@test "the menu waits and shows the three" {
	tools/grub-iso "$good/build/x86_32/stage5.bzImage" "$BATS_TEST_TMPDIR/disc.iso"
	run timeout -s KILL 10 qemu-system-x86_64 -M pc -nodefaults -vga none -display none -m 128 -no-reboot \
		-cdrom "$BATS_TEST_TMPDIR/disc.iso" -serial stdio -accel tcg </dev/null
	[[ $output == *native* && $output == *native16* && $output == *xen* ]]
	[[ $output != *start_kernel* ]]
}
