/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The exception table: faults that were meant.
 *
 * An instruction that may fault leaves a pair in section __ex_table: its own
 * address and where to go on. The fault handler looks itself up there before
 * it gives up. Both are stored as distances from themselves, so the table is
 * right at whatever address the image runs.
 */
#include "extable.h"
#include "xen-ops.h"

/* Two distances: to the instruction that may fault, and to where to go on. */
struct exception_table_entry {
	s32 insn, fixup;
};

extern const struct exception_table_entry __start___ex_table[],
	__stop___ex_table[];

static vaddr_t distance_to_va(const s32 *field)
{
	return (vaddr_t)field + *field;
}

bool fixup_exception(struct pt_regs *regs)
{
	const struct exception_table_entry *entry;

	for (entry = __start___ex_table; entry < __stop___ex_table; entry++) {
		if (distance_to_va(&entry->insn) == regs->ip) {
			regs->ip = distance_to_va(&entry->fixup);
			return true;
		}
	}
	return false;
}

//! [probe_kernel_read]
bool probe_kernel_read(vaddr_t va, unsigned long *value)
{
	unsigned long read = 0;
	bool faulted = true;

	asm volatile("1:	mov (%[va]), %[read]\n"
		     "	movb $0, %[faulted]\n"
		     "2:\n"
		     "	.pushsection __ex_table, \"a\"\n"
		     "	.balign 4\n"
		     "	.long 1b - ., 2b - .\n"
		     "	.popsection"
		     : [read] "+r"(read), [faulted] "+m"(faulted)
		     : [va] "r"(va));
	*value = read;
	return !faulted;
}
//! [probe_kernel_read]
