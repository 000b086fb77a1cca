/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The first instructions of a 32-bit image, in place of stage 1's head.
 *
 * There are two ways in, and one way on. The unpacker (boot/head.S) enters at
 * startup_32, as a boot loader enters Linux: ESI holds boot_params. Xen enters
 * at startup_xen and knows nothing of boot_params: ESI holds start_info. So
 * startup_xen plays the boot loader that the 2007 patch hoped for and nobody
 * wrote, fills in a boot_params, and joins the common head.
 *
 * Both callers have zeroed .bss, for that is a part of loading an ELF file.
 * Everything runs P=V (natively without paging), so symbols, which the linker
 * put at PAGE_OFFSET and more, are named by their paddr.
 *
 * Source: Documentation/x86/boot.rst; arch/x86/kernel/head_32.S in Linux,
 * where the table still is.
 */
#include "bootparam.h"
#include "page.h"

#define pa(symbol)	((symbol) - LOAD_OFFSET)

/*
 * Xen jumps here. Ring 1, flat segments, paging on, events masked, all of the
 * first megabytes mapped P=V; ESI = start_info, ESP = Xen's boot stack.
 */
//! [startup_xen]
	.section .head.text, "ax"
	.globl	startup_xen
startup_xen:
	/* The magic number and the version make the next fields valid. */
	movl	$BP_MAGIC, pa(xen_boot_params + BP_header)
	movw	$PROTOCOL_SUBARCH, pa(xen_boot_params + BP_version)
	/* What we run on, and where it says more. */
	movl	$SUBARCH_XEN, pa(xen_boot_params + BP_hardware_subarch)
	movl	%esi, pa(xen_boot_params + BP_hardware_subarch_data)
	/* ESI = boot_params: the contract of startup_32 holds. */
	movl	$pa(xen_boot_params), %esi
	jmp	startup_32
//! [startup_xen]

/*
 * The common head. ESI = boot_params, ESP = a stack of whoever enters. It lies
 * at a fixed distance from the image's beginning, since the ELF header has room
 * for one entry only, and that is Xen's.
 */
//! [startup_32]
	.org	STARTUP_32_OFFSET
	.globl	startup_32
startup_32:
	cld
	/* The loader's memory may be overwritten from now on. */
	movl	$pa(boot_params), %edi
	movl	$BP_SIZE / 4, %ecx
	rep movsl
	/* Before 2.07 the field did not exist, and all machines were PCs. */
	cmpw	$PROTOCOL_SUBARCH, pa(boot_params + BP_version)
	jae	1f
	movl	$SUBARCH_PC, pa(boot_params + BP_hardware_subarch)
1:	/* EAX = the subarch. */
	movl	pa(boot_params + BP_hardware_subarch), %eax
	/* A number beyond the table is a subarch that is not known here. */
	cmpl	$num_subarch_entries, %eax
	jae	bad_subarch
	jmp	*pa(subarch_entries)(, %eax, 4)
//! [startup_32]

//! [subarch_entries]
	.section .rodata
	.balign	4
subarch_entries:
	.long	pa(native_entry)	/* 0, a PC */
	.long	pa(bad_subarch)		/* 1, lguest: gone from Linux, too */
	.long	pa(xen_entry)		/* 2, a Xen guest */
num_subarch_entries = (. - subarch_entries) / 4
//! [subarch_entries]

	.section .note.GNU-stack, "", @progbits
