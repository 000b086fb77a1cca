#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Every diagnosis on a real image: one line of a stage is changed, the image is built and booted, and the run has to end
# in the right way, with the right entry of tools/diagnoses.txt.
#
# shellcheck disable=SC2154 # lib.bash sets good, image and top
#
# To read a test: fault IMAGE FILE 's/what stands there/what is put in its place/'.

load lib

setup_file() {
	good_tree x86_32/stage{2,3,4} x86_32-2g/stage3 x86_64/stage3
}

# Boots the faulty image.
diagnosed() { # exit status, name of the diagnosis, the image if fault() did not make it
	boot "${3-$image}"
	ends "$1" "diagnosis: $2"$'\n'
}

notes=stage1-notes/notes.S
layout=stage1-notes/xen.lds.S
page=stage2-hypercall/hypercall-page.c
entry2=stage2-hypercall/early.c
remap=stage3-remap/remap.c
walk=stage3-remap/walk.c

# ---- the notes and the ELF headers ----

@test "a 32-bit kernel on a Xen without them" {
	[ -e build/xen-stock/xen ] || skip "needs Debian's own Xen: tools/build-xen --stock"
	XEN=$top/build/xen-stock/xen diagnosed 4 xen-without-32bit "$good/build/x86_32/stage2.elf"
}

@test "no notes" {
	fault x86_32/stage2 $layout -e '/PT_NOTE/d; s/ :note//; s/\*\(\.note\.Xen\)//' -e 's/(DISCARD.*)\.note\.gnu/\1.note.Xen .note.gnu/'
	diagnosed 4 no-notes
}

@test "notes of another name than Xen" {
	fault x86_32/stage2 include/elfnote.h 's/"Xen"/"xen"/'
	diagnosed 4 notes-not-xens
}

@test "neither LOADER nor GUEST_OS are what Xen wants" {
	fault x86_32/stage2 $notes 's/"generic"/"grub"/; s/"linux"/"mine"/'
	diagnosed 4 loader-note
}

@test "XEN_VERSION missing" {
	fault x86_32/stage2 $notes '/ELFNOTE_XEN_VERSION/d'
	diagnosed 4 xen-version-note
}

@test "PAE_MODE missing" {
	fault x86_32/stage2 $notes '/ELFNOTE_PAE_MODE/d'
	diagnosed 4 pae-mode-note
}

@test "PAE_MODE not exactly yes" {
	fault x86_32/stage2 $notes 's/"yes"/"Yes"/'
	diagnosed 4 pae-mode-note
}

@test "a feature that Xen does not know" {
	fault x86_32/stage2 $notes 's/!writable_page_tables/!writeable_page_tables/'
	diagnosed 4 feature-unknown
}

@test "a 32-bit ELF file for another processor" {
	local other=$BATS_TEST_TMPDIR/stage2.elf
	cp "$good/build/x86_32/stage2.elf" "$other"
	printf '\x3e' | dd of="$other" bs=1 seek=18 conv=notrunc status=none # e_machine: x86-64
	diagnosed 4 mismatch "$other"
}

@test "the ELF entry is a virtual address" {
	fault x86_32/stage2 $layout 's/^ENTRY\(phys_startup_xen\)/ENTRY(startup_xen)/'
	diagnosed 4 entry-virtual
}

@test "p_paddr is a virtual address" {
	fault x86_32/stage2 $layout 's/AT\(ADDR\(section\) - LOAD_OFFSET\)/AT(ADDR(section))/; /^ASSERT\(LOADADDR/,/;$/d'
	diagnosed 4 p_paddr-virtual
}

@test "to be loaded beyond dom0's memory" {
	fault x86_32/stage2 include/page.h 's/(define LOAD_PHYSICAL_ADDR) .*/\1 0x3000000/'
	XEN_OPTIONS=dom0_mem=16M diagnosed 4 image-too-large
}

# ---- stage 2: the hypercall page ----

@test "CPUID without Xen's prefix" {
	fault x86_32/stage2 stage2-hypercall/cpuid.c 's/asm volatile\(XEN_CPUID/asm volatile("cpuid"/'
	diagnosed 1 cpuid-without-prefix
}

@test "the MSR is given a PFN" {
	fault x86_32/stage2 $page 's/mfn_list\[pfn_x\(pfn\)\]/pfn_x(pfn)/'
	diagnosed 3 msr-given-pfn
}

@test "the MSR is given flags, as if it were a page-table entry" {
	fault x86_32/stage2 $page 's/(maddr_x\(hypercall_page_maddr\(info\)\))/\1 | 1/'
	diagnosed 3 msr-low-bits
}

@test "the MSR's number is taken from EAX" {
	fault x86_32/stage2 stage2-hypercall/cpuid.c 's/(XEN_CPUID_LEAF\(2\)\))\.ebx/\1.eax/'
	diagnosed 3 msr-wrong-number
}

@test "a hypercall before the page is there" {
	fault x86_32/stage2 $page '/write_msr\(cpuid/d'
	diagnosed 3 code-outside-image
}

# ---- any stage ----

@test "cli" {
	fault x86_32/stage2 $entry2 's/setup_hypercall_page\(info\);/& asm volatile("cli");/'
	diagnosed 3 privileged-instruction
}

@test "BUG() without a trap table" {
	fault x86_32/stage2 $entry2 's/setup_hypercall_page\(info\);/& asm volatile("ud2");/'
	diagnosed 3 undefined-instruction
	[[ $output == *"xen_entry, src/stage2-hypercall/early.c:"* ]]
}

@test "a large array on the boot stack" {
	fault x86_32/stage2 $entry2 's/setup_hypercall_page\(info\);/& volatile char big[8192]; for (int i = 8191; i >= 0; i--) big[i] = 0;/'
	diagnosed 3 stack-overflow
}

@test "a stack pointer into nothing" {
	fault x86_32/stage4 stage4-start-kernel/early.c 's/init_stack \+ THREAD_SIZE/init_stack + (64 << 20)/'
	diagnosed 3 stack-pointer
}

@test "the guest shuts down as crashed" {
	fault x86_32/stage2 stage2-hypercall/exit.c 's/if \(may_use_ports\(\)\)/if (0)/; s/SHUTDOWN_reboot/SHUTDOWN_crash/'
	diagnosed 3 shutdown-crash
}

@test "an address that means nothing" {
	fault x86_32/stage2 $entry2 's/setup_hypercall_page\(info\);/& *(volatile int *)0x70000000 = 0;/'
	diagnosed 3 page-fault
}

# ---- stage 3: refused updates ----

@test "ptr is pseudo-physical" {
	fault x86_32/stage3 $remap 's/maddr_x\(early_p2m\(info, ptr_to_paddr\(dst\)\)\)/paddr_x(ptr_to_paddr(dst))/'
	diagnosed 1 pfn-in-ptr
}

@test "val holds a PFN" {
	fault x86_32/stage3 $remap 's/u->val = \*src;/u->val = pfn_x(early_m2p(info, pteval_mfn(*src))) << PAGE_SHIFT | 0x67;/'
	diagnosed 1 pfn-instead-of-mfn
}

@test "one update too many" {
	fault x86_32/stage3 $remap 's/mmu_update\(batch, batched,/mmu_update(batch, batched + 1,/'
	diagnosed 1 empty-update
}

@test "a pmd entry with PSE" {
	fault x86_32/stage3 $remap 's/u->val = \*src;/u->val = *src | _PAGE_PSE;/'
	diagnosed 1 bad-flags
}

@test "a pgd entry with PWT" {
	fault x86_32-2g/stage3 $remap 's/u->val = \*src;/u->val = *src | 8;/'
	diagnosed 1 bad-flags
}

@test "a page table mapped writable" {
	fault x86_32/stage3 $remap -e 's/u->val = \*src;/u->val = maddr_x(early_p2m(info, _paddr(info->pt_base))) | 0x67;/' \
		-e 's/early_p2m\(info, ptr_to_paddr\(dst\)\)/mfn_to_maddr(pteval_mfn(*src))/'
	diagnosed 1 page-table-writable
}

@test "one of Xen's entries in the shared pmd page" {
	fault x86_32/stage3 $remap 's/get_pmd\(info, addr \+ PAGE_OFFSET\)/get_pmd(info, addr + XEN_VIRT_START)/'
	diagnosed 1 xens-entry
}

@test "the pgd slot that Xen shares" {
	fault x86_32/stage3 $remap 's/min\(max, shared\)/max/; s/max\(addr, shared\), max/max, max/'
	diagnosed 1 xens-slot
}

@test "the shared pmd page in another slot" {
	fault x86_32-2g/stage3 $remap 's/&pgd\[pgd_index\(addr\)\]\.pgd/\&pgd[3].pgd/'
	diagnosed 1 page-type
}

@test "another domain's page tables" {
	fault x86_32/stage3 $remap 's/DOMID_SELF/5/'
	diagnosed 1 bad-domain
}

@test "a linked address as a hypercall's argument before the remap" {
	fault x86_32/stage3 $remap 's/mmu_update\(batch,/mmu_update((void *)batch + PAGE_OFFSET,/'
	diagnosed 1 address-not-mapped
}

@test "a hypercall that Xen does not have" {
	fault x86_32/stage3 include/hypercall.h 's/__HYPERVISOR_mmu_update/127/'
	diagnosed 1 no-such-hypercall
}

@test "an empty entry to copy" {
	fault x86_32/stage3 $remap 's/get_pmd\(info, addr\)/get_pmd(info, addr + 0x40000000)/'
	diagnosed 1 empty-source-entry
}

@test "the wrong entry copied" {
	fault x86_32/stage3 $remap 's/get_pmd\(info, addr\)/get_pmd(info, addr + PMD_SIZE)/'
	diagnosed 1 remap-wrong-page
}

# ---- stage 3: what Xen accepts without a word ----

@test "the update goes to the m2p" {
	fault x86_32/stage3 $remap 's/MMU_NORMAL_PT_UPDATE/MMU_MACHPHYS_UPDATE/'
	diagnosed 3 m2p-entry-overwritten
}

@test "an entry without PRESENT" {
	fault x86_32/stage3 $remap 's/u->val = \*src;/u->val = *src - _PAGE_PRESENT;/'
	diagnosed 3 entry-not-present
}

@test "a store into a page table" {
	fault x86_32/stage3 $remap 's/copy_mapping\(info, &src->pmd, &dst->pmd\);/*dst = *src;/'
	diagnosed 3 direct-store
}

@test "a limit that is too small" {
	fault x86_32/stage3 $remap 's/remap_kernel_pmd\(info, max\(addr, shared\), max\)/remap_kernel_pmd(info, max, max)/'
	diagnosed 3 remap-incomplete
}

@test "a linked address before the remap" {
	fault x86_32/stage3 stage3-remap/early.c 's/show_pagetables\(info, "before"\);/info = (void *)info + PAGE_OFFSET;/'
	diagnosed 3 linked-address-before-remap
}

@test "the jump before the remap" {
	fault x86_32/stage4 stage4-start-kernel/early.c '/remap_kernel\(info/d'
	diagnosed 3 linked-address-before-remap
}

@test "a walk without the m2p" {
	fault x86_32/stage3 $walk 's/early_m2p\(info, pteval_mfn\(entry\)\)/_pfn(mfn_x(pteval_mfn(entry)))/'
	diagnosed 3 mfn-as-pfn
}

@test "a page beyond what Xen mapped" {
	fault x86_32/stage3 stage3-remap/early.c 's/setup_hypercall_page\(info\);/& limit.paddr = *(volatile int *)0x500000;/'
	diagnosed 3 beyond-initial-mapping
}

@test "the m2p where it is not" {
	fault x86_32/stage3 include/pgtable-3level.h 's/MACH2PHYS_VIRT_START_PAE/0xfc000000UL/'
	diagnosed 3 m2p-address
}

@test "dom0's console page, which it does not have" {
	fault x86_64/stage3 stage3-remap/limit.c 's/!\(info->flags & SIF_INITDOMAIN\)/1/'
	diagnosed 3 m2p-address
}

# ---- stage 4: traps, events, time ----

@test "start_info not repointed" {
	fault x86_32/stage4 stage4-start-kernel/repoint.c '/info->mfn_list = /d'
	diagnosed 1 pv-address-after-drop
}

@test "nothing repointed" {
	fault x86_32/stage4 stage4-start-kernel/repoint.c 's/return pv \+ PAGE_OFFSET/return pv/'
	diagnosed 1 p2m-not-repointed
}

@test "NULL" {
	fault x86_32/stage4 stage4-start-kernel/main.c 's/printk\("all done/*(volatile int *)4 = 0; &/'
	diagnosed 1 null-pointer
}

@test "NULL without a trap table" {
	fault x86_32/stage4 stage4-start-kernel/enlighten.c '/xen_init_traps\(\);/d'
	diagnosed 3 null-pointer
}

@test "callbacks not set" {
	fault x86_32/stage4 stage4-start-kernel/events.c '/hypercall_must\($/,/callback\);$/d'
	diagnosed 1 null-call
}

@test "a division by zero" {
	fault x86_32/stage4 stage4-start-kernel/main.c 's/printk\("all done/asm volatile("div %0" : : "r"(0)); &/'
	diagnosed 1 fault
}

transcript_has() { grep -qsa "$1" "$BATS_TEST_TMPDIR"/run.*/log; }

@test "the trap table names another code segment" {
	fault x86_32/stage4 stage4-start-kernel/traps.c 's/FLAT_KERNEL_CS/8/'
	# Xen goes on like this for minutes, so this does not wait for the end.
	BUILD=$BATS_TEST_TMPDIR tools/boot "$image" >/dev/null 2>&1 3>&- &
	within 300 transcript_has Pre-exception
	kill $!
	! wait $! || return 1
	run tools/diagnose "${image%.elf}.log" timeout "$image"
	ends 0 "diagnosis: trap-table-selector"$'\n'
}

@test "a linked address beyond the limit" {
	fault x86_32/stage4 stage4-start-kernel/main.c 's/printk\("all done/*(volatile int *)0xd0000000 = 0; &/'
	diagnosed 1 fault-at-linked-address
}

@test "a virtual processor that there is not" {
	fault x86_32/stage4 stage4-start-kernel/time.c 's/VCPUOP_stop_periodic_timer, 0,/VCPUOP_stop_periodic_timer, 7,/'
	diagnosed 1 hypercall-refused
}

@test "woken, but the tick is not recognised" {
	fault x86_32/stage4 stage4-start-kernel/time.c -e 's/^\tticks\+\+;/\t;/' \
		-e 's/hypercall_must\(HYPERVISOR_sched_op/HYPERVISOR_set_timer_op(system_time() + NS_PER_TICK); &/'
	diagnosed 1 timer-never-ticked
}

@test "an event's frame names a segment that there is not" {
	# shellcheck disable=SC2016 # a number of the assembler's
	fault x86_32/stage4 stage4-start-kernel/entry_32.S '/call	xen_evtchn_do_upcall/{n;s/popa/popa; movw $0x1235, 4(%esp)/}'
	diagnosed 1 bad-selector
}

@test "P=V not dropped" {
	fault x86_32/stage4 stage4-start-kernel/mmu.c 's/\tapply\(batch, used\);/\t;/'
	diagnosed 1 identity-map-still-there
}

# ---- what does not fault by itself is checked by the stages ----

@test "an entry without RW" {
	fault x86_32/stage3 $remap 's/u->val = \*src;/u->val = *src - _PAGE_RW;/'
	boot "$image"
	ends 3 "verify_writable"
}

@test "an entry with NX" {
	fault x86_32/stage3 $remap 's/u->val = \*src;/u->val = *src | 1ULL << 63;/'
	boot "$image"
	ends 3 "#PF[0011]"
}

@test "a stack pointer at the wrong end, and one on Xen's stack" {
	fault x86_32/stage4 stage4-start-kernel/early.c 's/linked_va\(init_stack \+ THREAD_SIZE\)/linked_va(init_stack)/'
	boot "$image"
	ends 1 "PANIC: stack: "
	fault x86_32/stage4 stage4-start-kernel/early.c 's/linked_va\(init_stack \+ THREAD_SIZE\)/(vaddr_t)__builtin_frame_address(0) + PAGE_OFFSET/'
	boot "$image"
	ends 1 "PANIC: stack: "
}

@test "a stack that runs over in the middle of its life" {
	fault x86_32/stage4 stage4-start-kernel/time.c 's/printk\("  tick/volatile char big[8200]; for (int i = 8199; i >= 0; i--) big[i] = 0; &/'
	boot "$image"
	ends 1 "PANIC: stack: "
}

@test "stubs of half the size" {
	fault x86_32/stage2 include/hypercall.h 's/_entry\[32\]/_entry[16]/'
	boot "$image"
	ends 3 "no code of the image"
}

@test "another hypercall than was meant" {
	fault x86_32/stage2 include/hypercall.h '/__HYPERVISOR_xen_version,/s/op,/op + 1,/'
	boot "$image"
	ends 1 "PANIC: hypercall page: "
}

@test "a hypercall believed to leave its arguments alone" {
	fault x86_32/stage2 include/hypercall_32.h '/long hypercall\(/,/^}/{s/"\+b".*/"=m"(*(char *)0)/;/"\+D"/d;s/"0"\(&.*/&, "b"(a1), "c"(a2), "d"(a3), "S"(a4), "D"(a5)/}'
	boot "$image"
	ends 3 "verify_hypercall_page"
}

@test "nothing that is printed arrives" {
	fault x86_32/stage2 stage2-hypercall/console.c 's/long ret = HYPERVISOR.*/long ret = 0;/'
	diagnosed 7 prints-nothing
}

# ---- the table ----

ids() { sed -n 's/^id: //p' tools/diagnoses.txt; }

@test "every diagnosis is provoked by a test" {
	local id missing=
	while read -r id; do
		# errata.bats names its own by their numbers
		[[ $id == erratum-* ]] || grep -qwe "$id" tests/*.bats || missing+=" $id"
	done < <(ids)
	[ -z "$missing" ] || { echo "not:$missing"; return 1; }
}

@test "every diagnosis is complete, and there is one for each end" {
	local key end
	for key in when means read; do
		[ "$(awk -v RS= "/(^|\n)id: / && !/\n$key: /" tools/diagnoses.txt)" = "" ]
	done
	[ -z "$(ids | sort | uniq -d)" ]
	for end in refusal panic crash failure silence timeout halted shutdown vanished qemu; do
		tools/diagnose /dev/null "$end" "$good/build/x86_32/stage2.elf" | grep -q ^diagnosis
	done
	sed -n 's/^read: //p' tools/diagnoses.txt | sort -u | xargs ls
	sed -nE 's/^(see|not): //p' tools/diagnoses.txt |
		python3 -c 'import re, sys; [re.compile(line) for line in sys.stdin]'
}
