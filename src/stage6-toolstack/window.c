/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The window: one page of our address space that shows any page of the guest's.
 *
 * Called by all that write into the guest. A pte of ours with another domain's
 * MFN is refused, unless the call names that domain; dom0 may name any.
 */
#include "hypercall.h"
#include "pgtable.h"
#include "string.h"
#include "toolstack.h"

static u8 window[PAGE_SIZE]
	__attribute__((aligned(PAGE_SIZE), section(".bss.page_aligned")));

static unsigned long shown = ~0UL; /* PFN */
static domid_t shown_of;	   /* the domain whose PFN that is */

//! [map_foreign]
void map_foreign(void *va, domid_t domain, mfn_t mfn)
{
	u64 entry = maddr_x(mfn_to_maddr(mfn)) | _PAGE_PRESENT | _PAGE_RW;

	hypercall_must(HYPERVISOR_update_va_mapping_otherdomain(
			       (vaddr_t)va, entry, UVMF_INVLPG, domain),
		       "update_va_mapping_otherdomain, MFN %#lx of domain %u",
		       mfn_x(mfn), domain);
}
//! [map_foreign]

void unmap_foreign(void *va)
{
	hypercall_must(
		HYPERVISOR_update_va_mapping((vaddr_t)va, 0, UVMF_INVLPG),
		"update_va_mapping, VA %#lx := 0", (vaddr_t)va);
}

void *window_open(const struct guest *guest, unsigned long pfn)
{
	if (shown != pfn || shown_of != guest->id)
		map_foreign(window, guest->id, guest_mfn(guest, pfn));
	shown = pfn;
	shown_of = guest->id;
	return window;
}

bool window_is_open(void)
{
	return shown != ~0UL;
}

void window_close(void)
{
	if (window_is_open())
		unmap_foreign(window);
	shown = ~0UL;
}

/* Page by page: what lies side by side for the guest does not for us. */
void guest_write(const struct guest *guest, u64 paddr, const void *from,
		 u64 count)
{
	while (count) {
		unsigned long offset = paddr & ~PAGE_MASK;
		unsigned long now = min(count, (u64)(PAGE_SIZE - offset));
		u8 *page = window_open(guest, paddr >> PAGE_SHIFT);

		if (from) {
			memcpy(page + offset, from, now);
			from = (const u8 *)from + now;
		} else {
			memset(page + offset, 0, now);
		}
		paddr += now;
		count -= now;
	}
}

void guest_clear(const struct guest *guest, u64 paddr, u64 count)
{
	guest_write(guest, paddr, NULL, count);
}
