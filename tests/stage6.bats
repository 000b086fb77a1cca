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

@test "every dom0 builds every guest, both are of the width that they should be, and the command line reaches it" {
	for dom0 in x86_32 x86_64; do
		for guest in x86_32 x86_64; do
			CMDLINE="first=1, second" build_guest "$good/build/$dom0/stage6.elf" "$guest/stage4"
			ends 0 'command line: "first=1, second"'
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

# bats test_tags=long
@test "a module reaches the guest, whichever the widths" {
	for guest in x86_32 x86_64; do
		run make run STAGE=6 GUEST_ARCH=$guest MODULE=README.md
		ends 0 "module: $(stat -c %s README.md) bytes at VA"
		ends 0 "sum of bytes $(od -An -v -tu1 README.md | tr -s ' ' '\n' | paste -sd+ | sed 's/^+//' | bc)"
	done
	head -c 9000000 /dev/zero >"$BATS_TEST_TMPDIR/large" # 18 s of the machine's time for stage 4's sum
	run make run STAGE=6 LAYOUT=far MODULE="$BATS_TEST_TMPDIR/large"
	ends 0 "module: 9000000 bytes at VA"
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
	ends 1 "PANIC: xenstore: the question for name is refused: ENOSYS"
}

@test "xenstore: nonsense from a guest does not harm dom0, and no answer does not stop a guest" {
	ask_store name -e 's/strlen\(path\) \+ 1/~0U/' -e 's/path, head.len/path, 5/'
	ends 0 "[domain 1] all done"
	ends 0 "toolstack: domain 1 is gone"
	rm -rf "$BATS_TEST_TMPDIR/tree"
	fault x86_32/stage6 stage6-toolstack/serve.c '/store_answer/d'
	build_guest "$image" x86_32/stage4
	ends 1 "name in xenstore: none (no answer)"
	ends 1 "[domain 1] all done"
	ends 1 "PANIC: toolstack: xenstore's ring has 21 bytes of domain 1's questions, 0 of them taken" # dom0 tells of itself
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
@test "a guest that says, as XTF's tests do, that it has failed has not succeeded" {
	fault x86_32/stage4 stage4-start-kernel/main.c 's/printk\("all done/printk("Test result: ERROR\\n"); &/'
	MODULE=$image boot "$good/build/x86_32/stage6.elf"
	ends 1 'ended by itself, and says "Test result: ERROR"'
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

# Its rows as mistake@file@change, and what more it takes.
mistakes() {
	cat <<'END'
createdomain is given no vcpu@create.c@s/\.max_vcpus = 1/.max_vcpus = 0/
createdomain is given grant version 0@create.c@s/GRANT_version\(1\)/GRANT_version(0)/
createdomain is given no event channels@create.c@s/= LAST_PORT/= 0/
a domctl version that is not Xen's@domctl.c@s/NEWEST_VERSION 0x18/NEWEST_VERSION 0x14/
no max_vcpus@create.c@/domctl_must\(&op, max_vcpus/d
increase_reservation in place of populate_physmap: the m2p stays empty@p2m.c@s/XENMEM_populate_physmap/XENMEM_increase_reservation/
the window's pte without the owner's number@window.c@s/UVMF_INVLPG, domain\)/UVMF_INVLPG, DOMID_SELF)/
a PFN in the window's pte@window.c@s/guest_mfn\(guest, pfn\)\)/_mfn(pfn))/
an upper entry with PSE@pagetables.c@s/_PAGE_PRESENT \| _PAGE_RW \| _PAGE_USER\)/_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_PSE)/
PAE's slots share one pmd page@pagetables.c@s/below->first \+ i,/below->first + (l == 3 ? 0 : i),/
no pin@pagetables.c@/^	hypercall_must\(HYPERVISOR_mmuext_op/,/;$/d
cr3 of a pmd page@context.c@s/guest_mfn\(guest, guest->tables\)/guest_mfn(guest, guest->tables + 1)/
cr3 not folded, MFN below 4 GiB@context.c@s/xen_pfn_to_cr3_x86_32\(top\)/top << PAGE_SHIFT/
cr3 not folded, `MEM=5120`@context.c@s/xen_pfn_to_cr3_x86_32\(top\)/top << PAGE_SHIFT/@MEM=5120
no VGCF_in_kernel@context.c@s/VGCF_in_kernel_##width \| //
no VGCF_in_kernel, 64 bits@context.c@s/VGCF_in_kernel_##width \| //@guest=x86_64
CS is 0@context.c@s/user_regs\.cs = FLAT_KERNEL_CS_##width/user_regs.cs = 0/
EIP is VIRT_BASE@context.c@s/\(of\)->image\.entry; /(of)->image.virt_base; /
ESP is 0@context.c@s/guest_va\(of, \(of\)->stack \+ 1\);  /0;/
ESI is 0@context.c@s/guest_va\(of, \(of\)->start_info\);/0;/
no registers at all@main.c@/^	set_context\(guest\);/d
events are not masked@context.c@s/= 1;/= 0;/
shared_info is 0@start-info.c@s/maddr_x\(mfn_to_maddr\(shared_info_mfn\(of\)\)\);/0;/
store_mfn is 0@start-info.c@s/mfn_x\(guest_mfn\(of, \(of\)->store\)\)/0/
the console's page is a PFN@start-info.c@s/mfn_x\(guest_mfn\(of, \(of\)->console\)\)/(of)->console/
no port for the console@start-info.c@s/\(of\)->console_port/0/
nr_pt_frames is 1@start-info.c@s/\(of\)->nr_tables/1/
flags have SIF_INITDOMAIN@start-info.c@s/^(		\(info\)->nr_pages = .*)/		(info)->flags = SIF_INITDOMAIN;\\\n\1/
END
}

# bats test_tags=long
@test "lesson 10's table of mistakes: each ends as it says" {
	local mistake file change more row guest mem rows=0
	while IFS='@' read -r mistake file change more; do
		row=$(grep -F "| $mistake |" lessons/10-the-other-side.md) || { echo "not in the table: $mistake"; return 1; }
		rm -rf "$BATS_TEST_TMPDIR/tree"
		fault x86_32/stage6 "stage6-toolstack/$file" "$change"
		guest=x86_32 mem=
		case $more in guest=*) guest=${more#*=} ;; MEM=*) mem=${more#*=} ;; esac
		MEM=$mem EXPLAIN=n build_guest "$image" "$guest/stage4"
		row=${row#"| $mistake |"}
		while [[ $row =~ \`([^\`]*)\`(.*) ]]; do
			row=${BASH_REMATCH[2]}
			grep -qaF -- "${BASH_REMATCH[1]}" "${image%.elf}.log" || { echo "$mistake: no '${BASH_REMATCH[1]}' in: $output"; return 1; }
		done
		rows=$((rows + 1))
	done < <(mistakes)
	# The table has no other rows.
	[ "$(sed -n '/^### And one word wrong/,/^### Another/p' lessons/10-the-other-side.md | grep -c '^| ')" = $((rows + 1)) ]
}
