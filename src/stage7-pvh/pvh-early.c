/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Stage 7, entered as PVH: from the first C instruction to the jump.
 *
 * Called by startup_pvh, P=V. Beside it, stage 4's early.c is in the image too:
 * entered as a PV guest the same file takes that way. Both end at the same
 * start_kernel().
 */
#include "boot.h"
#include "console.h"
#include "pvh.h"
#include "setup-hypercall.h"
#include "xen-ops.h"

const struct hvm_start_info *pvh_start_info;

/* The loader's stack, if it had one, may lie anywhere: the head takes ours. */
static void stack_is_ours(vaddr_t frame)
{
	vaddr_t bottom = (vaddr_t)init_stack;

	if (frame < bottom || frame >= bottom + THREAD_SIZE)
		panic("stack: pvh_entry's is at paddr %#lx, not in init_stack, paddr %#lx",
		      frame, bottom);
}

/* So may the loader's segments. Its selectors can be the same as ours. */
static void segments_are_ours(void)
{
	struct table_pointer now;

	asm volatile("sgdt %0" : "=m"(now));
	if (now.va != (vaddr_t)gdt)
		panic("segments: GDTR holds %#lx, and gdt is at paddr %#lx",
		      now.va, (vaddr_t)gdt);
}

//! [pvh_entry]
void pvh_entry(const struct hvm_start_info *info)
{
	/* establish a hypercall page, if there is Xen */
	pvh_find_hypervisor();
	pvh_select_console(info);
	printk("stage 7: pvh_entry at paddr %#lx, in ring %u, %s below; hvm_start_info at paddr %#lx\n",
	       (vaddr_t)pvh_entry, current_ring(),
	       pvh_on_xen ? "Xen" : "no Xen", (vaddr_t)info);
	stack_is_ours((vaddr_t)__builtin_frame_address(0));
	segments_are_ours();
	pvh_check_start_info(info);

	/* map the kernel at its virtual address */
	native_enable_paging();

	/* repoint things to their new virtual addresses */
	pvh_start_info = __va(_paddr((vaddr_t)info));

	jump_to(linked_va(pvh_start_kernel),
		linked_va(init_stack + THREAD_SIZE));
}
//! [pvh_entry]
