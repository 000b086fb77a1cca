/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The bare machine: what is left of stages 1 to 4 without a hypervisor.
 *
 * native_entry() is called by the common head, when boot_params says that this
 * is a PC. Ring 0, paging off, flat segments, interrupts off; there is one kind
 * of address fewer, for a paddr *is* a maddr. No hypercall page, no p2m, no
 * events: paging, the jump, and the same start_kernel().
 */
#include "boot.h"
#include "bootparam.h"
#include "console.h"
#include "paravirt.h"
#include "xen-ops.h"

/* Somewhere in .bss, and never written to. */
static volatile unsigned long zero;

//! [native_entry]
void native_entry(void)
{
	console_select(CONSOLE_SERIAL);
	printk("stage 5: boot_params at P=V %#lx: subarch %u, nobody below\n",
	       (vaddr_t)&boot_params, boot_params.hdr.hardware_subarch);
	if (zero)
		panic(".bss is not clear: P=V %#lx holds %#lx", (vaddr_t)&zero,
		      zero);

	native_enable_paging();

	jump_to(linked_va(native_start_kernel),
		linked_va(init_stack + THREAD_SIZE));
}
//! [native_entry]

static void native_show(void)
{
	const struct setup_header *hdr = &boot_params.hdr;

	printk("  boot protocol %u.%02u, loader type %#x\n", hdr->version >> 8,
	       hdr->version & 0xff, hdr->type_of_loader);
	native_show_e820();
	printk("  command line: \"%s\"\n",
	       hdr->cmd_line_ptr ? (char *)__va(_paddr(hdr->cmd_line_ptr))
				 : "");
	show_module(__va(_paddr(hdr->ramdisk_image)), hdr->ramdisk_size);
}

static const struct paravirt_ops native_paravirt_ops = {
	.name = "a bare machine",
	.show = native_show,
	.exit = native_exit,
};

//! [native_start_kernel]
void native_start_kernel(void)
{
	printk("stage 5: native_start_kernel at VA %#lx, stack at VA %#lx\n",
	       (vaddr_t)native_start_kernel,
	       (vaddr_t)__builtin_frame_address(0));

	verify_arrival("native_start_kernel", (vaddr_t)native_start_kernel,
		       (vaddr_t)__builtin_frame_address(0));

	paravirt_ops = native_paravirt_ops;
	native_all_is_mapped();
	start_kernel();
}
//! [native_start_kernel]
