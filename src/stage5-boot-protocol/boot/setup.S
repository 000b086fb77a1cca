/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The beginning of a bzImage: the header, and the 16-bit code behind it.
 *
 * The file, whose parts boot/bzimage.lds puts together:
 *
 *     0x0000  +----------------------------------+
 *             | zeros, later: boot_params        |   the setup part:
 *     0x01f1  | setup header (0x0202: "HdrS")    |   (setup_sects + 1) * 512
 *     0x0250  | a jump to 0x1000                 |   bytes, loaded below 1 MiB
 *     0x02d0  | room for the e820 table          |   by loaders that start in
 *     0x1000  | setup: real to protected mode    |   real mode
 *     0x1200  +----------------------------------+
 *             | head.S, unpack.c, inflate.c      |   the protected-mode part:
 *             +----------------------------------+ - loaded at code32_start,
 *             | payload: gzip'd kernel ELF       |   1 MiB
 *             +----------------------------------+ - + payload_offset, for
 *             | zeros up to 16 bytes             |   payload_length bytes
 *             +----------------------------------+
 *
 * (tools/bzimage prints the numbers of a file.) Three kinds of loader come here,
 * and each skips more than the one before:
 *
 * - a BIOS loader (QEMU's -kernel, GRUB's linux16) jumps to 0x200, real mode;
 * - a 32-bit loader (GRUB's linux) takes the header out, fills a boot_params of
 *   its own, and jumps to code32_start in protected mode (boot/head.S);
 * - Xen reads the header, unpacks the payload itself, and enters the kernel:
 *   nothing of the setup part and of boot/ ever runs.
 *
 * Source: Documentation/x86/boot.rst in Linux's tree.
 */
#include "bootparam.h"

	.code16
	.section .setup, "ax"
boot_params_page:

//! [setup_header]
	.org	0x1f1
	.byte	setup_sects		/* sectors after the first; never 0: to Xen that is not 4 */
	.word	0			/* root_flags */
	.long	syssize			/* protected-mode part, in units of 16 bytes */
	.word	0			/* ram_size */
	.word	0xffff			/* vid_mode: as it is */
	.word	0			/* root_dev */
	.word	0xaa55			/* boot_flag */
	.org	0x200
	.byte	0xeb, header_end - 1f	/* jump: a short JMP, whose length also tells the header's */
1:	.ascii	"HdrS"
	.word	PROTOCOL_PAYLOAD	/* version 2.08 */
	.long	0			/* realmode_swtch */
	.word	0			/* start_sys_seg */
	.word	version_text - 0x200	/* kernel_version: what file(1) shows */
	.byte	0			/* type_of_loader: the loader writes it */
	.byte	LOADED_HIGH		/* loadflags: the protected-mode part goes to 1 MiB */
	.word	0			/* setup_move_size */
	.long	code32_start
	.long	0, 0			/* ramdisk_image, ramdisk_size: the loader */
	.long	0			/* bootsect_kludge */
	.word	0			/* heap_end_ptr */
	.byte	0, 0			/* ext_loader_ver, ext_loader_type */
	.long	0			/* cmd_line_ptr: the loader */
	.long	0x37ffffff		/* initrd_addr_max: what native paging maps */
	.long	0			/* kernel_alignment: it cannot be moved, so any */
	.byte	0			/* relocatable_kernel */
	.byte	0			/* min_alignment */
	.word	0			/* xloadflags */
	.long	255			/* cmdline_size */
	.long	SUBARCH_PC		/* hardware_subarch: whoever starts this file as it is */
	.quad	0			/* hardware_subarch_data */
	.long	payload_offset		/* from 2.08 on: where Xen finds the kernel */
	.long	payload_length		/* exact, for gzip's own length stands at its end */
header_end:
//! [setup_header]

/*
 * Real mode, and this page lies where the loader liked: DS = ES = SS is its
 * segment and CS 0x20 more, so that IP is 0 at offset 0x200.
 */
	jmp	setup

	.org	BP_SIZE			/* what lies between is boot_params */
//! [setup]
setup:
	/* CS = DS: an offset means the same in both. The loader gave a stack. */
	pushw	%ds
	pushw	$1f
	lretw
1:	cld

	/* e820_table has the BIOS's map of memory, e820_entries its length. */
	xorl	%ebx, %ebx		/* EBX: where to go on, 0 at both ends */
	movw	$BP_e820_table, %di
next_range:
	movl	$0xe820, %eax
	movl	$0x534d4150, %edx	/* "SMAP" */
	movl	$20, %ecx
	int	$0x15
	jc	no_more
	cmpl	$0x534d4150, %eax
	jne	no_more			/* this BIOS does not know the call */
	addw	$20, %di
	incb	BP_e820_entries
	cmpb	$BP_E820_MAX, BP_e820_entries
	je	no_more
	testl	%ebx, %ebx
	jnz	next_range
no_more:

	/* Interrupts are off, for good: the BIOS is not called any more. */
	cli
	/* Address bit 20 works: odd megabytes exist. */
	inb	$0x92, %al
	orb	$2, %al
	andb	$0xfe, %al		/* bit 0 would reset the machine */
	outb	%al, $0x92

	/* ESI = boot_params, as an address: the same page, seen from 0. */
	xorl	%esi, %esi
	movw	%ds, %si
	shll	$4, %esi
	addl	%esi, gdt_base
	addl	%esi, far_pointer
	/* GDTR has flat segments. */
	lgdtl	gdt_register

	/* Protected mode, with the old CS until the jump. */
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	*far_pointer

	.code32
protected:
	/* CS, DS, ES, FS, GS and SS are flat: an offset is an address. */
	movl	$BOOT_DS, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %fs
	movl	%eax, %gs
	movl	%eax, %ss
	/* EBX, EBP and EDI = 0: all that the 32-bit protocol asks for holds. */
	xorl	%ebx, %ebx
	xorl	%ebp, %ebp
	xorl	%edi, %edi
	jmp	*BP_code32_start(%esi)
//! [setup]

/* The selectors are a part of the protocol. */
BOOT_CS = 0x10
BOOT_DS = 0x18

	.balign	8
gdt:
	.quad	0, 0
	.quad	0x00cf9b000000ffff	/* BOOT_CS: code, 0 to 4 GiB, 32-bit */
	.quad	0x00cf93000000ffff	/* BOOT_DS: data, 0 to 4 GiB */
gdt_end:
gdt_register:
	.word	gdt_end - gdt - 1
gdt_base:
	.long	gdt			/* and the page's address, when it is known */
far_pointer:
	.long	protected		/* likewise */
	.word	BOOT_CS

version_text:
	.asciz	"stage 5, a teaching kernel that boots by itself and under Xen"

	.section .note.GNU-stack, "", @progbits
