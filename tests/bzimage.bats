#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Stage 5's file: what its header says, and every mistake in it, each made in a copy of the good file and called by its
# name, under Xen and natively.
#
# shellcheck disable=SC2154 # good comes from lib.bash
# shellcheck disable=SC2030,SC2031 # each test is a process of its own, and that is meant
# shellcheck disable=SC2059 # poke's bytes are written for printf

load lib
unset NATIVE

setup_file() {
	good_tree x86_{32,64}/stage5
	make_image "$good" x86_32/stage5 build/x86_32/stage5.bzImage
	make_image "$good" x86_64/stage5 build/x86_64/stage5.bzImage
}

setup() {
	file=$good/build/x86_32/stage5.bzImage
}

natively() { # image
	NATIVE=y boot "$1"
}

# ---- the file ----

@test "file(1) takes it for Linux's, tools/bzimage finds it right" {
	run file -b "$file"
	[[ $output == "Linux kernel x86 boot executable"*"bzImage, version stage 5,"* ]]
	run tools/bzimage "$file"
	ends 0 "boot protocol 2.08"
	ends 0 "kernel: a 32-bit ELF file"
	run tools/bzimage "$good/build/x86_64/stage5.bzImage"
	ends 0 "kernel: a 64-bit ELF file"
}

@test "the protected-mode part is whole paragraphs, as syssize says" {
	read -r sects < <(od -An -tu1 -j $((0x1f1)) -N 1 "$file")
	read -r paragraphs < <(od -An -tu4 -j $((0x1f4)) -N 4 "$file")
	[ $(((sects + 1) * 512 + paragraphs * 16)) = "$(stat -c %s "$file")" ]
}

# ---- deflate, on this machine, with the compiler's checks of every access ----

gunzip_program() {
	gcc -std=gnu11 -g -fsanitize=address,undefined -fno-sanitize-recover -Wall -Wextra -Werror -Isrc/include \
		-Isrc/stage5-boot-protocol/boot tests/fixtures/gunzip.c src/stage5-boot-protocol/boot/{gunzip,inflate}.c \
		-o "$BATS_TEST_TMPDIR/gunzip"
	export ASAN_OPTIONS=detect_leaks=0
	cd "$BATS_TEST_TMPDIR" || return
}

@test "deflate: stored, fixed and dynamic blocks, long and short copies" {
	gunzip_program
	head -c 200000 /dev/urandom >stored
	printf 'sh\220rt\377' >fixed # short words, the long ones too
	cat "$top"/src/*/*.c >dynamic
	head -c 500000 /dev/zero >zeros
	: >empty
	for contents in stored fixed dynamic zeros empty; do
		for level in 1 6 9; do
			gzip -n -$level -c $contents >packed
			./gunzip packed >unpacked
			cmp unpacked $contents
		done
	done
}

# bats test_tags=long
@test "deflate: whatever is damaged is refused, and nothing else happens" {
	gunzip_program
	head -c 3000 "$top/src/stage2-hypercall/printk.c" >contents
	gzip -n -9 -c contents >good
	size=$(stat -c %s good)
	for ((i = 0; i < size; i += 7)); do
		cp good damaged
		printf '\245' | dd of=damaged bs=1 seek=$i conv=notrunc status=none
		if ./gunzip damaged >unpacked 2>says; then cmp -s unpacked contents; else grep -q ^refused: says; fi
		head -c $i good >damaged
		run ./gunzip damaged
		ends 1 "refused: "
	done
}

# ---- mistakes, each made in a copy of the good file ----

# A copy of the good file, as $image, with other bytes at one place.
poke() { # offset, bytes for printf
	image=$BATS_TEST_TMPDIR/faulty.bzImage
	[ -e "$image" ] || cp "$file" "$image"
	printf "$2" | dd of="$image" bs=1 seek=$(($1)) conv=notrunc status=none
}

number() { # offset: the 4 bytes there
	od -An -tu4 -j $(($1)) -N 4 "$file" | tr -d ' '
}

le32() { # number, as bytes for printf
	printf '\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255))
}

# Another payload in place of the good one, with its right length.
replace_payload() { # file
	local at=$((($(od -An -tu1 -j $((0x1f1)) -N 1 "$file") + 1) * 512 + $(number 0x248)))
	poke 0x24c "$(le32 "$(stat -c %s "$1")")"
	dd if="$1" of="$image" bs=1 seek=$at conv=notrunc status=none
}

# What Xen and the unpacker make of the faulty file, and that it is called by the same name.
diagnosed() { # name of the diagnosis, what the unpacker says
	boot "$image"
	ends 4 "diagnosis: $1"$'\n'
	natively "$image"
	ends 1 "$2"
	ends 1 "diagnosis: $1"$'\n'
}

# bats test_tags=long
@test "protocol 2.07" {
	poke 0x206 '\x07'
	diagnosed bzimage-too-old "version is below 2.08"
}

# bats test_tags=long
@test "payload_length one byte short" {
	poke 0x24c "$(le32 $(($(number 0x24c) - 1)))"
	diagnosed bzimage-payload-length "the payload ends too early"
}

@test "payload_length one byte long" {
	poke 0x24c "$(le32 $(($(number 0x24c) + 1)))"
	diagnosed bzimage-payload-length "the payload's end is not where payload_length says"
}

# bats test_tags=long
@test "the payload padded" {
	poke 0x24c "$(le32 $(($(number 0x24c) + 32)))"
	head -c 64 /dev/zero >>"$image"
	boot "$image"
	ends 4 "diagnosis: bzimage-payload-length"$'\n'
	ends 4 "but its last 4 bytes say 0"
	natively "$image"
	ends 1 "diagnosis: bzimage-outside"
}

# bats test_tags=long
@test "payload_offset one byte off" {
	poke 0x248 "$(le32 $(($(number 0x248) + 1)))"
	diagnosed bzimage-payload-not-gzip "the payload is not a gzip file"
}

# Xen follows it, and falls. A file that is cut is refused before (see above): there the header is right.
@test "payload_offset beyond a file that is whole" {
	poke 0x248 "$(le32 1000000)"
	boot "$image"
	ends 4 "diagnosis: bzimage-outside"$'\n'
}

# bats test_tags=long
@test "payload not gzip" {
	head -c 1000 "$good/build/x86_32/stage5.stripped" | tail -c 900 >"$BATS_TEST_TMPDIR/payload"
	replace_payload "$BATS_TEST_TMPDIR/payload"
	diagnosed bzimage-payload-not-gzip "the payload is not a gzip file"
}

# What Xen unpacks, and not the unpacker of stage 5: Linux's build adds the unpacked size behind each of them.
@test "payloads of xz, lzma, zstd, lz4, bzip2: Xen boots them, and tools/bzimage looks into them" {
	local kernel=$good/build/x86_32/stage5.stripped format size
	size=$(stat -c %s "$kernel")
	# shellcheck disable=SC2059 # bytes
	for format in "xz --check=crc32" "xz --format=lzma" zstd "lz4 -l" bzip2; do
		rm -f "$BATS_TEST_TMPDIR"/faulty.*
		{ $format -c <"$kernel" && printf "$(le32 "$size")"; } >"$BATS_TEST_TMPDIR/payload"
		poke 0x202 HdrS
		replace_payload "$BATS_TEST_TMPDIR/payload"
		format=${format##*=} format=${format%% *}
		boot "$image"
		ends 0 "succeeded"
		run tools/bzimage "$image"
		ends 0 "payload: ${format/crc32/xz}, unpacks to $size bytes"
	done
	poke 0x24c "$(le32 $(($(od -An -tu4 -j $((0x24c)) -N 4 "$image") - 1)))"
	run tools/bzimage "$image"
	ends 1 "bytes, but its last 4 bytes say"
}

# bats test_tags=long
@test "payload not an ELF file" {
	seq 1000 | gzip -n >"$BATS_TEST_TMPDIR/payload"
	replace_payload "$BATS_TEST_TMPDIR/payload"
	diagnosed bzimage-payload-not-elf "the payload, unpacked, is not an ELF file"
}

@test "the kernel in it truncated" {
	head -c 3000 "$good/build/x86_32/stage5.stripped" | gzip -n >"$BATS_TEST_TMPDIR/payload"
	replace_payload "$BATS_TEST_TMPDIR/payload"
	natively "$image"
	ends 1 "the kernel's ELF file is truncated"
	ends 1 "diagnosis: bzimage-refused"
}

@test "payload damaged" {
	gzip -n -9 <"$good/build/x86_32/stage5.stripped" >"$BATS_TEST_TMPDIR/payload"
	size=$(stat -c %s "$BATS_TEST_TMPDIR/payload")
	printf 'XXXX' | dd of="$BATS_TEST_TMPDIR/payload" bs=1 seek=$((size - 8)) conv=notrunc status=none
	replace_payload "$BATS_TEST_TMPDIR/payload"
	diagnosed bzimage-payload-damaged "the payload is damaged: its checksum differs"
}

# bats test_tags=long
@test "setup_sects 0" {
	poke 0x1f1 '\0'
	boot "$image"
	ends 4 "diagnosis: bzimage-setup-sects"$'\n'
	SILENCE=2 natively "$image"
	[ "$status" != 0 ]
	[[ $output == *"diagnosis: bzimage-setup-sects"* ]]
}

@test "HdrS missing: refused before anything boots" {
	poke 0x202 'hdrs'
	boot "$image"
	ends 2 "is neither an ELF file nor a bzImage"
	natively "$image"
	ends 2 "is neither an ELF file nor a bzImage"
}

@test "truncated: refused before anything boots" {
	image=$BATS_TEST_TMPDIR/faulty.bzImage
	head -c 12000 "$file" >"$image"
	boot "$image"
	ends 2 "is a truncated bzImage: the payload ends"
	head -c $((0x240)) "$file" >"$image"
	natively "$image"
	ends 2 "is a truncated bzImage: 576 bytes are not even a setup header"
}

# bats test_tags=long
@test "a subarch that nobody knows, from the file" {
	poke 0x23c '\x07'
	natively "$image"
	ends 1 "hardware_subarch is 7, and this kernel knows only 0 (a PC) and 2 (a Xen guest). Stop."
	ends 1 "diagnosis: unknown-subarch"
	# Xen reads the header, but the field is the shim's to write.
	boot "$image"
	ends 0 "subarch 2"
}

@test "a subarch in the table, but with nobody behind it" {
	poke 0x23c '\x01'
	natively "$image"
	ends 1 "hardware_subarch is 1, and"
}

@test "a PC that says it is Xen" {
	poke 0x23c '\x02'
	natively "$image"
	ends 1 "not under Xen: running in ring 0"
}
