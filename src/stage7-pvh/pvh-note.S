/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The seventh note: the entry for whoever can give the guest a ring 0.
 *
 * Read by Xen when it builds a PVH guest, by stage 6 for the same purpose, and
 * by loaders that know nothing of Xen (QEMU's -kernel for one). The other six
 * say how this file is a paravirtual kernel, and such loaders pass over them.
 *
 * Its address is physical, for there is no paging yet when it is used.
 * Source: xen/elfnote.h; docs/misc/pvh.pandoc in Xen's tree.
 */
#include "elfnote.h"
#include "page.h"

//! [pvh_note]
	elfnote	XEN_ELFNOTE_PHYS32_ENTRY, .long startup_pvh - LOAD_OFFSET
//! [pvh_note]

	.section .note.GNU-stack, "", @progbits
