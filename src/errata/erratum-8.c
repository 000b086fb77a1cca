/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Erratum 8: boot_params that nobody filled. Replaces stage 4's early.c.
 *
 * **The patch** took start_info's address from boot_params, field
 * hardware_subarch_data, as the boot protocol of the time was to have it. A
 * loader that speaks the protocol would have put it there. But none ever did so
 * for Xen: Xen passes ESI (RSI), as it always had, and knows nothing of
 * boot_params.
 *
 * **What one sees:** boot_params is in .bss, so it is all zeros; so is
 * the address, and at P=V 0 there is no start_info. In the patch: BUG().
 *
 * **Fixed** in stage 4 by taking what Xen passes, and in stage 5 by a shim in
 * the image that fills boot_params from it.
 */
#define xen_entry xen_entry_fixed
#include "../stage4-start-kernel/early.c"
#undef xen_entry

/** The page of the boot protocol; field offsets from Linux's boot.rst. */
static u8 boot_params[PAGE_SIZE];
#define HARDWARE_SUBARCH_DATA 0x240

void xen_entry(struct start_info *esi)
{
	u64 data;
	struct start_info *info;

	memcpy(&data, &boot_params[HARDWARE_SUBARCH_DATA], sizeof(data));
	info = (struct start_info *)(unsigned long)data;
	if (memcmp(info->magic, "xen-3.0", 7) != 0)
		panic("erratum 8: boot_params says start_info is at P=V %#lx, but there is none; Xen passed P=V %#lx",
		      (vaddr_t)info, (vaddr_t)esi);
	xen_entry_fixed(info);
}
