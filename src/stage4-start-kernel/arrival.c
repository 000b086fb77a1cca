/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What has to hold where the jump leads: linked code, on the right stack.
 *
 * verify_arrival() is called by the function that jump_to() leads to: under
 * Xen, as PVH, and on a PC. P=V is still mapped, and no exception would be
 * handled. A jump that went wrong may well go on running, and shows only when
 * P=V is dropped, or somebody else uses the page that served as a stack.
 * stack_holds() is called right before start_kernel(), where ticks have been
 * waited for.
 */
#include "boot.h"
#include "console.h"
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
static void stack_begins(const char *name, vaddr_t frame)
{
	vaddr_t top = (vaddr_t)init_stack + THREAD_SIZE;

	if (frame >= top || frame < top - ROOM_ABOVE * sizeof(long) ||
	    frame % sizeof(long))
		panic("stack: %s's is at VA %#lx, not at the top of init_stack, VA %#lx",
		      name, frame, top);
	*(u32 *)init_stack = STACK_END_MAGIC;
}

/* A jump that went too short still runs: P=V until that is dropped, and a
 * 64-bit kernel's code in the mapping of all memory for good.
 */
static void code_is_linked(const char *name, vaddr_t code)
{
	if (code < LOAD_OFFSET)
		panic("jump: %s runs at VA %#lx, and the image is linked for VA %#lx and up",
		      name, code, LOAD_OFFSET);
}

void verify_arrival(const char *name, vaddr_t code, vaddr_t frame)
{
	code_is_linked(name, code);
	stack_begins(name, frame);
}

void stack_holds(void)
{
	if (*(u32 *)init_stack != STACK_END_MAGIC)
		panic("stack: the lower end of init_stack, VA %#lx, was written over",
		      (vaddr_t)init_stack);
}
