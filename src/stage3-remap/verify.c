/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The proof, from inside: every page reads the same at both its addresses, and
 * those of the image can be written to and run.
 *
 * Called by stage 3's xen_entry() after the remap, while P=V still holds. A
 * page that is missing at its virtual address, or that lost a right on the way,
 * faults here, and since there is no trap table yet, Xen prints the fault and
 * ends the guest.
 */
#include "console.h"
#include "pv-memory.h"
#include "remap.h"
#include "xen-ops.h"

/* Equal contents could be two pages of zeros: a store tells one from two. */
static volatile unsigned long witness;

static void verify_same_page(void)
{
	volatile unsigned long *other =
		(volatile unsigned long *)linked_va((void *)&witness);

	witness = 0x12345678;
	if (*other != 0x12345678)
		panic("verify: a store at P=V %#lx is not seen at VA %#lx",
		      (vaddr_t)&witness, (vaddr_t)other);
	witness = 0;
}

//! [verify_range]
static void verify_range(vaddr_t offset, unsigned long limit)
{
	const unsigned long *pv = NULL;
	const unsigned long *end = (const unsigned long *)limit;

	for (; pv < end; pv++) {
		const unsigned long *va =
			(const unsigned long *)((vaddr_t)pv + offset);

		if (*pv != *va)
			panic("verify: P=V %#lx and VA %#lx differ",
			      (vaddr_t)pv, (vaddr_t)va);
	}
}
//! [verify_range]

/* A page without RW can be read. What is stored is what is there already. */
static void verify_writable(vaddr_t offset)
{
	for (const char *pv = _text; pv < _end; pv += PAGE_SIZE) {
		volatile unsigned long *va =
			(volatile unsigned long *)shifted_va(pv, offset);

		*va = *va;
	}
}

#define RET 0xc3 /* the instruction: one byte */

/* A page with NX can be read, too. So one instruction of each page of code is
 * run: any byte RET, even one inside another instruction, comes straight back.
 */
static void verify_executable(void)
{
	const u8 *next = (const u8 *)_text;

	for (const u8 *pv = next; pv < (const u8 *)_etext; pv++) {
		if (pv < next || *pv != RET)
			continue;
		((void (*)(void))linked_va(pv))();
		next = (const u8 *)PAGE_ALIGN((vaddr_t)pv + 1);
	}
	if (next == (const u8 *)_text)
		panic("verify: no byte from P=V %#lx to %#lx is an instruction RET, so none was run",
		      (vaddr_t)_text, (vaddr_t)_etext);
}

static void verify_below(paddr_t limit, const char *name, vaddr_t pv)
{
	if (paddr_x(limit) <= pv)
		panic("verify: the limit, paddr %#lx, is not beyond %s, P=V %#lx",
		      paddr_x(limit), name, pv);
}

static vaddr_t mfn_begin(const struct start_info *info, unsigned long mfn)
{
	return paddr_x(pfn_to_paddr(early_m2p(info, _mfn(mfn))));
}

/* An entry maps more than a page, so a limit that is too low may do no harm.
 * But what Xen, or a domU's toolstack, put last has to be below it.
 */
static void verify_limit(const struct start_info *info, paddr_t limit)
{
	verify_below(limit, "the stack", (vaddr_t)__builtin_frame_address(0));
	if (info->flags & SIF_INITDOMAIN)
		return;
	verify_below(limit, "xenstore", mfn_begin(info, info->store_mfn));
	verify_below(limit, "the console",
		     mfn_begin(info, info->console.domU.mfn));
}

void verify_remap(const struct start_info *info, paddr_t limit)
{
	verify_limit(info, limit);
	verify_same_page();
	verify_writable(LOAD_OFFSET);
	verify_executable();
	verify_range(PAGE_OFFSET, paddr_x(limit));
	if (LOAD_OFFSET != PAGE_OFFSET) {
		verify_writable(PAGE_OFFSET);
		verify_range(LOAD_OFFSET, image_end());
	}
	printk("  each of %lu pages reads the same at P=V and at its VA\n",
	       paddr_x(limit) >> PAGE_SHIFT);
}
