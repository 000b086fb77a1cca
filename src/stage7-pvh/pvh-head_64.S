/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Where the note of pvh-note.S leads, in a 64-bit image: into long mode.
 *
 * What holds is the same as for a 32-bit image (pvh-head_32.S): the loader does
 * not look at the ELF class. So the first instructions are 32-bit ones, and
 * since 64-bit code needs paging, they build page tables.
 *
 * One pmd page maps 1 GiB in large pages. The pud page reaches it twice and the
 * pgd reaches the pud page three times, which makes all the kernel's mappings at
 * once: P=V, all memory at PAGE_OFFSET, and the image at LOAD_OFFSET. Stage 3
 * asks Xen for the last two.
 *
 * Source: Intel SDM volume 3A, chapter 9.8.5 (into IA-32e mode).
 */
#include "page.h"
#include "pvh.h"

#define pa(symbol)	((symbol) - LOAD_OFFSET)

/* What a table's entry holds beside an address. */
#define TABLE		0x03		/* PRESENT, RW */
#define LARGE_PAGE	0x83		/* the same, and PSE */

/* Where the entry for a linked address is, in bytes from its table's start. */
#define PGD_ENTRY(va)	((((va) >> 39) & 511) * 8)
#define PUD_ENTRY(va)	((((va) >> 30) & 511) * 8)

#define CR0_PG		0x80000000
#define CR4_PAE		0x20
#define MSR_EFER	0xc0000080
#define EFER_LME	0x100

	.section .bss.page_aligned, "aw", @nobits
	.balign	PAGE_SIZE
pvh_pgd:	.skip	PAGE_SIZE
pvh_pud:	.skip	PAGE_SIZE
pvh_pmd:	.skip	PAGE_SIZE

	.text
	.code32
//! [startup_pvh]
	.globl	startup_pvh
startup_pvh:
	cld
	/* The entries' upper halves are 0, as is all of .bss. */
	mov	$pa(pvh_pmd), %edi
	mov	$LARGE_PAGE, %eax
1:	mov	%eax, (%edi)
	add	$0x200000, %eax
	add	$8, %edi
	cmp	$pa(pvh_pmd + PAGE_SIZE), %edi
	jb	1b
	movl	$pa(pvh_pmd + TABLE), pa(pvh_pud)
	movl	$pa(pvh_pmd + TABLE), pa(pvh_pud + PUD_ENTRY(LOAD_OFFSET))
	movl	$pa(pvh_pud + TABLE), pa(pvh_pgd)
	movl	$pa(pvh_pud + TABLE), pa(pvh_pgd + PGD_ENTRY(PAGE_OFFSET))
	movl	$pa(pvh_pud + TABLE), pa(pvh_pgd + PGD_ENTRY(LOAD_OFFSET))

	/* Long mode takes all of these; it begins with the far jump. */
	mov	%cr4, %eax
	or	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$pa(pvh_pgd), %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$EFER_LME, %eax
	wrmsr
	mov	%cr0, %eax
	or	$CR0_PG, %eax
	mov	%eax, %cr0
	lgdt	pa(gdt_pointer)
	ljmp	$PVH_CS, $pa(1f)

	.code64
1:	mov	$PVH_DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	lea	init_stack + THREAD_SIZE(%rip), %rsp
	mov	%ebx, %edi		# the argument of pvh_entry()
	call	pvh_entry
	ud2				# pvh_entry() does not return
//! [startup_pvh]

	.section .note.GNU-stack, "", @progbits
