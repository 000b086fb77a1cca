/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Stage 5: through the boot protocol.
 *
 * Called by the common head, P=V, when boot_params says that this is Xen. This
 * is the 2007 patch's xen_entry() with its errata fixed, its first line too:
 * start_info comes out of boot_params, where the head's shim has put it.
 */
#include "boot.h"
#include "bootparam.h"
#include "console.h"
#include "remap.h"
#include "setup-hypercall.h"
#include "string.h"
#include "xen-ops.h"

//! [xen_entry]
void xen_entry(void)
{
	struct start_info *info = (struct start_info *)(unsigned long)
					  boot_params.hdr.hardware_subarch_data;
	paddr_t limit;

	/* establish a hypercall page */
	setup_hypercall_page(info);
	printk("stage 5: boot_params at P=V %#lx: subarch %u, start_info at P=V %#lx\n",
	       (vaddr_t)&boot_params, boot_params.hdr.hardware_subarch,
	       (vaddr_t)info);

	/* P=V even page 0 can be written to, by a pointer that was not set. */
	if (xen_boot_params.hdr.header != BP_MAGIC)
		panic("xen_boot_params at P=V %#lx has no magic number: the head has filled in something else",
		      (vaddr_t)&xen_boot_params);
	if (memcmp(info->magic, "xen-3.0", 7) != 0)
		panic("start_info at P=V %#lx does not begin with xen-3.0",
		      (vaddr_t)info);

	/* work out how far we need to remap */
	limit = remap_limit(info);

	/* remap the kernel to its virtual address */
	remap_kernel(info, _paddr(0), limit);

	/* repoint things to their new virtual addresses */
	repoint_start_info(info);

	jump_to(linked_va(xen_start_kernel),
		linked_va(init_stack + THREAD_SIZE));
}
//! [xen_entry]
