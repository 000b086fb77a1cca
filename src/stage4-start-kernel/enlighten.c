/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * xen_start_kernel(): from the jump to start_kernel().
 *
 * Jumped to by xen_entry(), on init_stack, at the linked address. P=V is still
 * mapped, there is no trap table, and events are masked. When it calls
 * start_kernel(), P=V is gone, and traps and events are handled.
 */
#include "console.h"
#include "paravirt.h"
#include "xen-ops.h"
#include <linux/magic.h>

u8 init_stack[THREAD_SIZE]
	__attribute__((aligned(PAGE_SIZE), section(".bss.page_aligned")));

/** Words that may lie between the stack's top and the frame: Linux, for one,
 * leaves room for saved registers there.
 */
#define ROOM_ABOVE 40

/* Any writable page will do for a stack at first, until somebody else uses it.
 * So the address is checked here, and the lower end once more, later: it holds
 * a word that no deep call may have reached.
 */
static void stack_begins(vaddr_t frame)
{
	vaddr_t top = (vaddr_t)init_stack + THREAD_SIZE;

	if (frame >= top || frame < top - ROOM_ABOVE * sizeof(long) ||
	    frame % sizeof(long))
		panic("stack: xen_start_kernel's is at VA %#lx, not at the top of init_stack, VA %#lx",
		      frame, top);
	*(u32 *)init_stack = STACK_END_MAGIC;
}

static void stack_holds(void)
{
	if (*(u32 *)init_stack != STACK_END_MAGIC)
		panic("stack: the lower end of init_stack, VA %#lx, was written over",
		      (vaddr_t)init_stack);
}

/* A jump that went too short still runs: P=V until that is dropped, and a
 * 64-bit kernel's code in the mapping of all memory for good.
 */
static void code_is_linked(void)
{
	if ((vaddr_t)xen_start_kernel < LOAD_OFFSET)
		panic("jump: xen_start_kernel runs at VA %#lx, and the image is linked for VA %#lx and up",
		      (vaddr_t)xen_start_kernel, LOAD_OFFSET);
}

struct paravirt_ops paravirt_ops;

static const struct paravirt_ops xen_paravirt_ops = {
	.name = "Xen",
	.show = xen_show,
	.exit = xen_exit,
};

//! [xen_start_kernel]
void xen_start_kernel(void)
{
	printk("stage 4: xen_start_kernel at VA %#lx, stack at VA %#lx\n",
	       (vaddr_t)xen_start_kernel, (vaddr_t)__builtin_frame_address(0));
	code_is_linked();
	stack_begins((vaddr_t)__builtin_frame_address(0));

	paravirt_ops = xen_paravirt_ops;
	phys_to_machine_mapping = (unsigned long *)xen_start_info->mfn_list;
	xen_setup_features();

	xen_init_traps();
	xen_drop_identity_map();
	identity_map_is_gone();

	xen_init_events();
	xen_wait_for_ticks(3);
	xen_verify_entries();
	stack_holds();

	start_kernel();
}
//! [xen_start_kernel]
