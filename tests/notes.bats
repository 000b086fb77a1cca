#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# make notes: what it says of an image is what Xen does with it. Each mistake is made in stage 1's notes, and booted.
#
# shellcheck disable=SC2154 # good and image come from lib.bash

load lib

setup_file() {
	good_tree x86_32/stage1
}

# Another note, or another value, in stage 1's.
with_note() { # name, directive
	fault x86_32/stage1 stage1-notes/notes.S "/elfnote.*NOTE_$1,/d; s/^\/\/! \[notes\]\$/&\n\telfnote XEN_ELFNOTE_$1, $2/;"
}

# That `make notes` blames this note and that Xen says the same.
blamed() { # note, what Xen says, what we say
	run tools/notes "$image"
	ends 1 "Xen refuses it as a PV dom0"
	ends 1 "  $1: $3"
	ends 1 "Xen: \"$2"
	boot --any "$image"
	ends 4 "refused to start it"
	grep -qF "$2" "${image%.elf}.log" || { echo "Xen did not say: $2"; return 1; }
}

@test "notes: the good ones, and those that are not there" {
	run tools/notes "$good/build/x86_32/stage1.elf"
	ends 0 "Xen reads 6 notes, in the PT_NOTE segment"
	ends 0 "Xen takes it as a 32-bit PV dom0"
	ends 0 "VIRT_BASE          absent: so Xen maps the image P=V"
	run make notes IMAGE="$BATS_TEST_TMPDIR/none"
	ends 2 "no such file"
	run tools/notes Makefile
	ends 2 "is not an ELF file"
}

# bats test_tags=long
@test "notes: without a PT_NOTE segment Xen reads the sections" {
	fault x86_32/stage1 stage1-notes/xen.lds.S '/PT_NOTE/d; s/ :note//; s/:text :note/:text/'
	run tools/notes "$image"
	ends 0 "Xen reads 6 notes, in the SHT_NOTE section"
	boot --proof-of-life "$image"
	ends 0 "succeeded"
}

# bats test_tags=long
@test "notes: padded to 8 bytes, and of another owner" {
	fault x86_32/stage1 include/elfnote.h 's/\.balign\t4/.balign\t8/'
	blamed "the notes" "Xen will only load images built for Xen v3.0" "the notes are padded to 8 bytes"
	fault x86_32/stage1 include/elfnote.h 's/"Xen"/"XEN"/'
	blamed "the notes" "Will only load images built for the generic loader or Linux images" 'the owner of a note is "XEN"'
	fault x86_32/stage1 stage1-notes/notes.S '/^\telfnote/d'
	blamed "the notes" "Not a Xen-ELF image" "there are none"
}

# bats test_tags=long
@test "notes: addresses" {
	with_note ENTRY '.long 0xc0100000'
	blamed ENTRY "ELF start or entries are out of bounds" "the entry is 0xc0100000, and the image is at 0x100000"
	with_note VIRT_BASE '.long 0xc0000000'
	blamed ENTRY "ELF start or entries are out of bounds" "VIRT_BASE has Xen map the image"
	with_note PADDR_OFFSET '.long 0'
	blamed PADDR_OFFSET "ELF_PADDR_OFFSET set, VIRT_BASE unset" ""
}

# bats test_tags=long
@test "notes: words" {
	with_note LOADER '.asciz "own"' # and GUEST_OS is linux: enough
	run tools/notes "$image"
	ends 0 "Xen takes it"
	with_note XEN_VERSION '.asciz "xen-2.0"'
	blamed XEN_VERSION "Xen will only load images built for Xen v3.0" ""
	with_note PAE_MODE '.asciz "yes, please"'
	blamed PAE_MODE "Mismatch between Xen and DOM0 kernel" ""
	with_note SUPPORTED_FEATURES '.long 1'
	blamed SUPPORTED_FEATURES "Kernel does not support Dom0 operation" "bit 11"
	with_note FEATURES '.asciz "!writable_page_table"'
	run tools/notes "$image"
	ends 1 'FEATURES: it asks for "writable_page_table", which no Xen knows'
	boot --any "$image"
	ends 4 "refused to start it"
}

@test "notes: none, but the section that was there before there were any" {
	local bare=$BATS_TEST_TMPDIR/bare.elf
	objcopy --remove-section .note.Xen --remove-section .notes "$good/build/x86_32/stage3.elf" "$bare"
	run tools/notes "$bare"
	ends 1 "the notes: there are none in this file"
	printf 'GUEST_OS=old,XEN_VER=xen-3.0,LOADER=generic,PAE=yes\0' >"$BATS_TEST_TMPDIR/words"
	objcopy --add-section __xen_guest="$BATS_TEST_TMPDIR/words" "$bare"
	run tools/notes "$bare"
	ends 0 "a section __xen_guest, the older form: Xen reads it"
	[[ $output != *refuses* ]]
}
