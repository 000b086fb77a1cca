#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Stage 6: a domU of each width built by a dom0 of each width, how it ends, and what the toolstack can get wrong.
#
# shellcheck disable=SC2154 # good, image, status and output come from lib.bash and bats
# shellcheck disable=SC2030,SC2031 # each test is a process of its own, and that is meant

load lib

setup_file() { good_tree x86_32/stage{0,1,4,6} x86_64/stage{4,6} x86_32/pair; }

# Boots a stage 6 with a guest of the good tree's.
build_guest() { # stage 6's image, guest's image as mode/stage
	MODULE=$good/build/$2.elf boot "$1"
}

@test "every dom0 builds every guest, and both are of the width that they should be" {
	for dom0 in x86_32 x86_64; do
		for guest in x86_32 x86_64; do
			build_guest "$good/build/$dom0/stage6.elf" "$guest/stage4"
			ends 0 "the guest ended with reason 0 (poweroff)"
			ends 0 "toolstack: domain 1 is gone"
			ends 0 "created domain 1, ${guest#x86_}"
			ends 0 "[domain 1]   memory: 1024 pages (4 MiB)"
			ends 0 "[domain 1] all done"
		done
	done
}

# bats test_tags=long
@test "matrix: stage 6 with a guest of either width" {
	run tools/matrix 6-64/x86_32-2g/built 6-32/x86_32-nopae/built
	ends 0 "2 boots, 2 as they should be"
	[[ $output =~ 6-64\ +x86_32-2g\ +built\ +-\ +-\ +-\ +-\ +succeeded ]]
	[[ $output =~ 6-32\ +x86_32-nopae\ .*refused\ as\ it\ should\ be ]]
}

@test "a stock Xen: a 64-bit dom0 builds a 64-bit guest" {
	[ -e build/xen-stock/xen ] || skip "no stock Xen here"
	XEN=$top/build/xen-stock/xen build_guest "$good/build/x86_64/stage6.elf" x86_64/stage4
	ends 0 "[domain 1] all done"
	ends 0 "the guest ended with reason 0 (poweroff)"
}

@test "more than the ring holds at a time: no line is lost" {
	fault x86_32/stage4 stage4-start-kernel/main.c 's/printk\("all done/for (int i = 0; i < 200; i++) printk("line %d of many\\n", i); &/'
	MODULE=$image boot "$good/build/x86_32/stage6.elf"
	ends 0 "[domain 1] all done"
	[ "$(grep -c '^.domain 1. line [0-9]* of many' <<<"$output")" = 200 ]
}

@test "the command line reaches the guest" {
	CMDLINE="first=1, second" build_guest "$good/build/x86_32/stage6.elf" x86_64/stage4
	ends 0 'command line: "first=1, second"'
}

# bats test_tags=long
@test "a module reaches the guest, whichever the widths" {
	for guest in x86_32 x86_64; do
		run make run STAGE=6 GUEST_ARCH=$guest MODULE=README.md
		ends 0 "module: $(stat -c %s README.md) bytes at VA"
		ends 0 "sum of bytes $(od -An -v -tu1 README.md | tr -s ' ' '\n' | paste -sd+ | sed 's/^+//' | bc)"
	done
	for guest in x86_32 x86_64; do
		tools/guest-files "$BATS_TEST_TMPDIR/tar" "$good/build/$guest/stage4.elf" README.md
		head -c -3000 "$BATS_TEST_TMPDIR/tar" | head -c 20000 >"$BATS_TEST_TMPDIR/cut"
		MODULE=$BATS_TEST_TMPDIR/cut boot "$good/build/x86_32/stage6.elf"
		ends 1 "is not in dom0's module"
	done
}

# bats test_tags=long
@test "a bzImage as guest: the toolstack unpacks its payload, and refuses a damaged one" {
	for guest in x86_32 x86_64; do
		run make run STAGE=6 GUEST=5 GUEST_ARCH=$guest
		ends 0 "toolstack: unpacked a bzImage's payload"
		ends 0 "[domain 1] all done"
	done
	cp build/x86_32/stage5.bzImage "$BATS_TEST_TMPDIR/damaged"
	printf x | dd of="$BATS_TEST_TMPDIR/damaged" bs=1 seek=$(($(stat -c %s build/x86_32/stage5.bzImage) - 4000)) conv=notrunc status=none
	MODULE=$BATS_TEST_TMPDIR/damaged boot "$good/build/x86_32/stage6.elf"
	ends 1 "PANIC: image: bzImage: the payload"
	ends 1 "diagnosis: guest-domain-refused"
}

@test "notes that stand in a section only are found, too" {
	fault x86_32/stage4 stage1-notes/xen.lds.S '/PT_NOTE/d; s/ :note//'
	run readelf -lW "$image"
	[[ $output != *NOTE* ]]
	MODULE=$image boot "$good/build/x86_64/stage6.elf"
	ends 0 "[domain 1] all done"
}

# bats test_tags=long
@test "a guest with more memory, and one whose image needs more" {
	run make run STAGE=6 GUEST_MEM=32
	ends 0 "[domain 1]   memory: 8192 pages (32 MiB)"
	fault x86_64/stage4 stage4-start-kernel/main.c 's/printk\("all done/static char large[6 << 20]; large[5 << 20] = 1; &/'
	CMDLINE=guest_mem=48 MODULE=$image boot "$good/build/x86_32/stage6.elf"
	ends 1 "diagnosis: guest-domain-memory"
	GUEST_MEM=16 MODULE=$image boot "$good/build/x86_32/stage6.elf"
	ends 0 "[domain 1]   memory: 2048 pages (8 MiB)"
	ends 0 "[domain 1] all done"
}

# A stage 4 that asks xenstore for another key, in another way.
ask_store() { # key, sed arguments for xenstore.c
	rm -rf "$BATS_TEST_TMPDIR/tree"
	fault x86_32/stage4 stage4-start-kernel/xenstore.c "${@:2}" -e "s,ask\(page\, path\),ask(page\, \"$1\"),"
	MODULE=$image boot "$good/build/x86_32/stage6.elf"
}

@test "xenstore: a domU's name, other keys, lists, and ENOENT" {
	build_guest "$good/build/x86_32/stage6.elf" x86_64/stage4
	ends 0 '[domain 1]   name in xenstore: "guest-1"'
	ask_store /local/domain/1/memory/target
	ends 0 'name in xenstore: "4096"'
	ask_store memory -e 's/XS_READ/XS_DIRECTORY/'
	ends 0 'name in xenstore: "target"'
	ask_store memory/nothing
	ends 0 "name in xenstore: none (ENOENT)"
	ask_store /local/domain/10
	ends 0 "name in xenstore: none (ENOENT)"
	ask_store name -e 's/\.type = XS_READ/.type = XS_WRITE/'
	ends 0 "name in xenstore: none (ENOSYS)"
}

@test "xenstore: nonsense from a guest does not harm dom0, and no answer does not stop a guest" {
	ask_store name -e 's/strlen\(path\) \+ 1/~0U/' -e 's/path, head.len/path, 5/'
	ends 0 "[domain 1] all done"
	ends 0 "toolstack: domain 1 is gone"
	rm -rf "$BATS_TEST_TMPDIR/tree"
	fault x86_32/stage6 stage6-toolstack/serve.c '/store_answer/d'
	build_guest "$image" x86_32/stage4
	ends 0 "name in xenstore: none (no answer)"
	ends 0 "[domain 1] all done"
}

@test "two guests share a page by a grant, and an event goes back and forth" {
	for guest in x86_32 x86_64; do
		run make run STAGE=6 GUESTS=2 GUEST_ARCH=$guest
		ends 0 "mapped grant 8 of domain 1, it says: hello from the lender"
		ends 0 "[domain 1]   the page says: hello back from the borrower"
		ends 0 "toolstack: domain 1 is gone"
		ends 0 "toolstack: domain 2 is gone"
	done
	run make run STAGE=6 GUEST=pair
	ends 2 "xenstore has no peer/domid (ENOENT)"
	run make run STAGE=6 GUESTS=3
	ends 2 "GUESTS=3 is not known here"
}

# bats test_tags=long
@test "one of two guests crashes: the other is still served, and the run fails" {
	fault x86_32/pair stage6-toolstack/pair/grant.c 's/^\tnotify_remote\(port\);/&\n\tpanic("the lender is tired");/'
	CMDLINE=guests=2 MODULE=$image boot "$good/build/x86_32/stage6.elf"
	ends 1 "[domain 1] PANIC: the lender is tired"
	ends 1 "[domain 2]   given back: all done"
	ends 1 "toolstack: domain 1 is gone"
	ends 1 "toolstack: domain 2 is gone"
	ends 1 "diagnosis: guest-domain-crashed"
}

@test "make run STAGE=6 takes a stage or a file as GUEST, and refuses the rest" {
	run make run STAGE=6 GUEST=2 GUEST_ARCH=x86_64
	ends 0 "stage 2: hello"
	run make run STAGE=6 GUEST="$good/build/x86_32/stage4.elf"
	ends 0 "[domain 1] all done"
	run make run STAGE=6 GUEST=9
	ends 2 "GUEST=9 is neither a file nor a stage"
	run make run STAGE=6 GUEST_MEM=3
	ends 2 "GUEST_MEM=3 is not a size"
	run make run STAGE=6 MODULE=missing
	ends 2 "missing does not exist"
	run make run STAGE=6 GUEST_ARCH=arm
	ends 2 "GUEST_ARCH=arm is not known here"
}

@test "console and store far above the tables: the limit takes them in, and a kernel that forgets them dies" {
	for guest in x86_32 x86_64; do
		CMDLINE=layout=far build_guest "$good/build/x86_32/stage6.elf" "$guest/stage4"
		ends 0 "console 0x301"
		ends 0 "[domain 1] all done"
	done
	fault x86_32/stage4 stage3-remap/limit.c 's/if \(!\(info->flags & SIF_INITDOMAIN\)\)/if (0)/'
	MODULE=$image boot "$good/build/x86_32/stage6.elf"
	ends 0 "[domain 1] all done"
	CMDLINE=layout=far MODULE=$image boot "$good/build/x86_32/stage6.elf"
	ends 1 "reason 3 (crash)"
}

@test "a guest's crash is the guest's, and dom0 lives to say so" {
	build_guest "$good/build/x86_32/stage6.elf" x86_32/stage1
	ends 1 "the guest ended with reason 3 (crash)"
	ends 1 "diagnosis: guest-domain-crashed"
	ends 1 "of the domain that stage 6 built" # not a place in stage 6's own code
	ends 1 "toolstack: domain 1 is gone"
}

# bats test_tags=long
@test "a guest that asks for a reboot has not succeeded" {
	build_guest "$good/build/x86_32/stage6.elf" x86_32/stage0
	ends 1 "the guest ended with reason 1 (reboot)"
	ends 1 "diagnosis: guest-domain-reason"
}

# bats test_tags=long
@test "what is no guest's image is refused before there is a domain" {
	head -c 5000 /dev/zero >"$BATS_TEST_TMPDIR/zeros"
	MODULE=$BATS_TEST_TMPDIR/zeros boot "$good/build/x86_32/stage6.elf"
	ends 1 "neither an ELF file nor a bzImage"
	ends 1 "diagnosis: guest-domain-refused"
	head -c 20000 "$good/build/x86_32/stage4.elf" | head -c 5000 >"$BATS_TEST_TMPDIR/cut"
	MODULE=$BATS_TEST_TMPDIR/cut boot "$good/build/x86_32/stage6.elf"
	ends 1 "is not in the file"
	boot "$good/build/x86_32/stage6.elf"
	ends 1 "dom0 has no module"
	ends 1 "diagnosis: guest-domain-refused"
	[[ $output != *"created domain"* ]]
}

# bats test_tags=long
@test "page tables mapped writable: the pin is refused, with the reason" {
	fault x86_32/stage6 stage6-toolstack/pagetables.c 's/is_table\(guest, pfn\) \? _PAGE_PRESENT/false ? _PAGE_PRESENT/'
	build_guest "$image" x86_32/stage4
	ends 1 "diagnosis: guest-domain-pin"
}

# bats test_tags=long
@test "the window left open on a page table: the pin is refused" {
	fault x86_32/stage6 stage6-toolstack/pagetables.c 's/^\twindow_close\(\);/\twindow_open(guest, guest->tables);/'
	build_guest "$image" x86_32/stage4
	ends 1 "diagnosis: guest-domain-pin"
}

# bats test_tags=long
@test "the p2m in dom0's word width: a guest of the other width crashes" {
	fault x86_32/stage6 stage6-toolstack/p2m.c 's/word = guest->image.bits \/ 8/word = sizeof(long)/'
	build_guest "$image" x86_32/stage4
	ends 0 "reason 0 (poweroff)"
	build_guest "$image" x86_64/stage4
	ends 1 "diagnosis: guest-domain-crashed"
}

# bats test_tags=long
@test "the ring still mapped at the end: the domain stays, a zombie" {
	fault x86_32/stage6 stage6-toolstack/console.c 's/^\tunmap_foreign\(guest->ring\);//'
	build_guest "$image" x86_32/stage4
	ends 1 "diagnosis: guest-domain-zombie"
}

# bats test_tags=long
@test "a vcpu that is not online never runs, and the wait for it ends" {
	fault x86_32/stage6 stage6-toolstack/context.c 's/ \| VGCF_online_##width//'
	build_guest "$image" x86_32/stage4
	ends 1 "diagnosis: guest-domain-never-ran"
}

# bats test_tags=long
@test "a guest that spins is given up, and it is told from one that never ran" {
	fault x86_32/stage4 stage4-start-kernel/main.c 's/printk\("all done.*/for (;;)\n\t\t;/'
	MODULE=$image CMDLINE=seconds=2 boot "$good/build/x86_32/stage6.elf"
	ends 1 "diagnosis: guest-domain-never-ends"
	ends 1 "is not at its end after 2 s"
}
