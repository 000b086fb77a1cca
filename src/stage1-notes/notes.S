/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The six notes of the 2007 patch: all that this image says to Xen.
 *
 * Xen reads them before the image runs. None holds an address, so the notes
 * can be put into a file that knows nothing of the kernel's layout (in the
 * patch: the outer ELF of a bzImage). The price is everything Xen would have
 * done with an address: no VIRT_BASE, so it maps the kernel where it lies
 * (P=V); no HYPERCALL_PAGE, so it fills none; no ENTRY, so it jumps to the
 * ELF header's entry, which has to be the pseudo-physical address.
 */
#include "elfnote.h"

//! [notes]
	elfnote	XEN_ELFNOTE_GUEST_OS,	   .asciz "linux"
	elfnote	XEN_ELFNOTE_GUEST_VERSION, .asciz "2.6"
	elfnote	XEN_ELFNOTE_XEN_VERSION,   .asciz "xen-3.0"
	elfnote	XEN_ELFNOTE_FEATURES,	   .asciz "!writable_page_tables|pae_pgdir_above_4gb"
#if defined(CONFIG_X86_64) || defined(CONFIG_X86_PAE)
	elfnote	XEN_ELFNOTE_PAE_MODE,	   .asciz "yes"
#else
	elfnote	XEN_ELFNOTE_PAE_MODE,	   .asciz "no"
#endif
	elfnote	XEN_ELFNOTE_LOADER,	   .asciz "generic"
//! [notes]

	.section .note.GNU-stack, "", @progbits
