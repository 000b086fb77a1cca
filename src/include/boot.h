/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The ways on from the common head: stage 5.
 */
#ifndef BOOT_H
#define BOOT_H

#include "pgtable.h"

/**
 * The head's choice for hardware_subarch 2: a Xen guest, P=V.
 *
 * No argument: all that the loader said is in boot_params.
 */
void __attribute__((noreturn)) xen_entry(void);

/** The head's choice for subarch 0: a PC of our own, without paging yet. */
void __attribute__((noreturn)) native_entry(void);

/** The head's choice for everything else: says so, and stops. */
void __attribute__((noreturn)) bad_subarch(void);

/** Turns paging on: P=V, and the same memory at PAGE_OFFSET. Runs P=V. */
void native_enable_paging(void);

/** Panics unless all that native_enable_paging() maps has its entry. */
void native_all_is_mapped(void);

/**
 * Panics unless neighbouring entries map memory in large pages.
 *
 * @param pmd the entry of PAGE_OFFSET: a VA
 * @param end the first paddr that need not be mapped, in bytes
 */
void verify_large_pages(const pmd_t *pmd, unsigned long end);

/** Prints the PC's map of memory. Panics if the map cannot be right. */
void native_show_e820(void);

/** The bare machine at the linked address, as xen_start_kernel() is Xen's. */
void __attribute__((noreturn)) native_start_kernel(void);

#endif
