/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * An ELF note of Xen's, for assembly.
 *
 * A note is three words and two byte strings, each padded to four bytes:
 *
 *     +----------+----------+------+---------+----------------+
 *     | name len | desc len | type | "Xen\0" | desc ...       |
 *     +----------+----------+------+---------+----------------+
 *
 * The linker script gathers them in a segment of type PT_NOTE, where Xen's
 * loader (common/libelf/libelf-dominfo.c) looks before it loads anything.
 *
 * Source: the ELF specification, "Note Section"; xen/elfnote.h for the types.
 */
#ifndef ELFNOTE_H
#define ELFNOTE_H

#include <xen/elfnote.h>

/* clang-format off: this is assembly */
/** One note of Xen's: its type, XEN_ELFNOTE_, and a directive for its value. */
//! [elfnote]
.macro	elfnote type:req, desc:vararg
	.pushsection .note.Xen, "a", @note
	.balign	4
	.long	2f - 1f			/* name len */
	.long	4f - 3f			/* desc len */
	.long	\type
1:	.asciz	"Xen"
2:	.balign	4
3:	\desc
4:	.balign	4
	.popsection
.endm
//! [elfnote]

#endif
