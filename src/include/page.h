/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Pages, and the two addresses that everything in the image has.
 *
 * The linker gives the image virtual addresses (VA) from LOAD_OFFSET up. Xen
 * puts it at pseudo-physical LOAD_PHYSICAL_ADDR and, since the notes name no
 * VIRT_BASE, maps every page at the virtual address that equals its
 * pseudo-physical one: the phase called P=V. The two differ by a constant:
 *
 *     VA of the image = paddr + LOAD_OFFSET
 *     VA of any page  = paddr + PAGE_OFFSET
 *
 * On 32 bits these are the same mapping. A 64-bit kernel has two: all memory
 * at PAGE_OFFSET, and the image once more in the top 2 GiB of the address
 * space, where code can be reached with 32-bit displacements.
 *
 * Included by C, by assembly and by the linker script. All numbers are bytes.
 */
#ifndef PAGE_H
#define PAGE_H

/** @def _AC
 * 0xc0000000 for as and ld, 0xc0000000UL for C: Linux's name for this. */
#ifdef __ASSEMBLER__
#define _AC(number) number
#else
/** Only for _AC(): its argument has to be expanded first. */
#define __AC(number) (number##UL)
#define _AC(number)  __AC(number)
#endif

/** @{ A page: its size in bytes, as a power of two, and as a mask. */
#define PAGE_SHIFT 12
#define PAGE_SIZE  (_AC(1) << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))
/** @} */

//! [offsets]
/** @{ VA of any page, and of the image, minus its paddr. */
#ifdef CONFIG_X86_64
#define PAGE_OFFSET _AC(0xffff880000000000)
#define LOAD_OFFSET _AC(0xffffffff80000000)
#else
#define PAGE_OFFSET _AC(CONFIG_PAGE_OFFSET)
#define LOAD_OFFSET PAGE_OFFSET
#endif
/** @} */
//! [offsets]

/** Where the image lies, pseudo-physical: above the first megabyte, as on a PC.
 * Stage 6's linker script says otherwise.
 */
#ifndef LOAD_PHYSICAL_ADDR
#define LOAD_PHYSICAL_ADDR 0x100000
#endif

/** The kernel's stack, init_stack: bytes. */
#define THREAD_SIZE (2 * PAGE_SIZE)

/** A number of bytes, rounded up to whole pages. */
#define PAGE_ALIGN(bytes) (((bytes) + PAGE_SIZE - 1) & PAGE_MASK)

#endif
