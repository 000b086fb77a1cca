/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Where everything in the image goes, and what must be true of it.
 *
 * Each section has two addresses: the virtual one it is linked for, and the
 * pseudo-physical one it is loaded at (AT), LOAD_OFFSET lower. Xen loads by
 * the second. Two mistakes make it refuse an image without VIRT_BASE ("ELF
 * start or entries are out of bounds"): a virtual address in p_paddr, and one
 * in the ELF header's entry.
 */
#include "page.h"

#define LOAD(section) AT(ADDR(section) - LOAD_OFFSET)

//! [phys_startup_xen]
ENTRY(phys_startup_xen)
phys_startup_xen = startup_xen - LOAD_OFFSET;
//! [phys_startup_xen]

PHDRS
{
	image PT_LOAD FLAGS(7);		/* one piece: Xen maps all of it writable */
	note PT_NOTE FLAGS(4);		/* read: Xen's loader reads this first */
}

SECTIONS
{
	. = LOAD_OFFSET + LOAD_PHYSICAL_ADDR;
	_text = .;

	.text : LOAD(.text) {
		*(.head.text)
		*(.text .text.*)
		_etext = .;
	} :image
	.rodata : LOAD(.rodata) { *(.rodata .rodata.*) } :image
	__ex_table : LOAD(__ex_table) {
		__start___ex_table = .;
		KEEP(*(__ex_table))
		__stop___ex_table = .;
	} :image
	.notes : LOAD(.notes) { *(.note.Xen) } :image :note

	.early_pointers : LOAD(.early_pointers) {
		*stage[123]-*.o(.data.rel .data.rel.*)
		*early.o(.data.rel .data.rel.*)
	} :image
	.data : LOAD(.data) { *(.data .data.*) } :image
	.got : LOAD(.got) { *(.got) } :image
	.got.plt : LOAD(.got.plt) { *(.got.plt) } :image
	.bss : LOAD(.bss) {
		*(.bss.page_aligned)
		*(.bss .bss.*)
	} :image
	_end = .;

	/DISCARD/ : { *(.comment .eh_frame .note.GNU-stack .note.gnu.*) }
}

//! [asserts]
ASSERT(phys_startup_xen == LOAD_PHYSICAL_ADDR,
       "the ELF entry must be the pseudo-physical address of startup_xen, first in the image")
ASSERT(LOADADDR(.text) == LOAD_PHYSICAL_ADDR && LOADADDR(.bss) == ADDR(.bss) - LOAD_OFFSET,
       "every section must be loaded LOAD_OFFSET below its virtual address")
ASSERT(DEFINED(hypercall_page) ? hypercall_page % PAGE_SIZE == 0 : 1,
       "Xen fills a whole page: hypercall_page must begin one")

/*
 * All code is compiled position independent, so that a symbol's address is
 * the one it is running at. An address that the linker computed can then hide
 * in two places only, and until the remap such an address is not mapped.
 */
ASSERT(SIZEOF(.got) == 0,
       "an entry in the GOT is a linked address: make the symbol hidden")
ASSERT(SIZEOF(.early_pointers) == 0,
       "a pointer initialised at link time holds a linked address: stages 1 to 3 and every early.c must not have any")
//! [asserts]
