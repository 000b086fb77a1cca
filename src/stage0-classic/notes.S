/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The notes of a Xen kernel before the patch (and of Linux ever since).
 *
 * Three of them hold addresses, so whoever writes the notes has to know where
 * the linker put things. In return Xen does the work: it maps the kernel at
 * VIRT_BASE, fills the hypercall page, and enters at ENTRY, a virtual address.
 */
#include "elfnote.h"
#include "page.h"

#ifdef CONFIG_X86_64
#define ADDRESS	.quad
#else
#define ADDRESS	.long
#endif

//! [classic_notes]
	elfnote	XEN_ELFNOTE_GUEST_OS,	    .asciz "linux"
	elfnote	XEN_ELFNOTE_GUEST_VERSION,  .asciz "2.6"
	elfnote	XEN_ELFNOTE_XEN_VERSION,    .asciz "xen-3.0"
	elfnote	XEN_ELFNOTE_VIRT_BASE,	    ADDRESS LOAD_OFFSET
	elfnote	XEN_ELFNOTE_ENTRY,	    ADDRESS startup_xen
	elfnote	XEN_ELFNOTE_HYPERCALL_PAGE, ADDRESS hypercall_page
	elfnote	XEN_ELFNOTE_FEATURES,	    .asciz "!writable_page_tables|pae_pgdir_above_4gb"
#if defined(CONFIG_X86_64) || defined(CONFIG_X86_PAE)
	elfnote	XEN_ELFNOTE_PAE_MODE,	    .asciz "yes"
#else
	elfnote	XEN_ELFNOTE_PAE_MODE,	    .asciz "no"
#endif
	elfnote	XEN_ELFNOTE_LOADER,	    .asciz "generic"
//! [classic_notes]

	.section .note.GNU-stack, "", @progbits
