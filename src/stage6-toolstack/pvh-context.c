/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The registers that a PVH guest begins with: those of a processor.
 *
 * Called by build_pvh_guest() last. Xen takes them in the form in which it
 * saves a whole machine, a row of records; the processor's is the only one that
 * matters here. Compare with context.c: no stack, no cr3, and an entry of 32
 * bits whatever the image.
 *
 * Source: docs/misc/pvh.pandoc in Xen's tree; xen/arch-x86/hvm/save.h.
 */
#include "toolstack.h"
#include <xen/hvm/save.h>

/** @{ Segments as a processor keeps them: flat, 32 bits; a busy TSS. */
#define CODE 0xc9b
#define DATA 0xc93
#define TSS  0x8b
/** @} */

#define CR0_PE		0x01
#define CR0_ET		0x10
#define EFLAGS_RESERVED 0x02

/** @{ What the debug registers have after a reset. */
#define DR6_RESET 0xffff0ff0
#define DR7_RESET 0x400
/** @} */

/** The row: each record has its length and its type before it. */
struct context {
	struct hvm_save_descriptor header_type;
	HVM_SAVE_TYPE(HEADER) header;
	struct hvm_save_descriptor cpu_type;
	HVM_SAVE_TYPE(CPU) cpu;
	struct hvm_save_descriptor end_type;
};

//! [pvh_set_context]
void pvh_set_context(const struct guest *guest)
{
	static struct context context = {
		.header_type = {.typecode = HVM_SAVE_CODE(HEADER),
				.length = HVM_SAVE_LENGTH(HEADER)},
		.header = {.magic = HVM_FILE_MAGIC,
			   .version = HVM_FILE_VERSION},
		.cpu_type = {.typecode = HVM_SAVE_CODE(CPU),
			     .length = HVM_SAVE_LENGTH(CPU)},
		.cpu = {.cs_limit = ~0U,
			.cs_arbytes = CODE,
			.ds_limit = ~0U,
			.ds_arbytes = DATA,
			.es_limit = ~0U,
			.es_arbytes = DATA,
			.ss_limit = ~0U,
			.ss_arbytes = DATA,
			.tr_limit = 0x67,
			.tr_arbytes = TSS,
			.cr0 = CR0_PE | CR0_ET,
			.rflags = EFLAGS_RESERVED,
			.dr6 = DR6_RESET,
			.dr7 = DR7_RESET},
	};
	struct xen_domctl op = {.u.hvmcontext.size = sizeof(context)};

	context.cpu.rip = guest->image.phys_entry;
	context.cpu.rbx = (u64)guest->start_info << PAGE_SHIFT;
	op.u.hvmcontext.buffer.p = (void *)&context;
	domctl_must(&op, sethvmcontext, guest);
	printk("toolstack: vcpu 0 begins at paddr %#llx, without paging and stack\n",
	       guest->image.phys_entry);
}
//! [pvh_set_context]
