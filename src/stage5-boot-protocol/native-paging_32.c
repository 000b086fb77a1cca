/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Paging on a bare machine: all that stage 3 does through Xen, by stores.
 *
 * Compare with remap.c. There the tables exist, P=V is on, and each change is
 * a request. Here nothing exists and everything is ours: the tables are built
 * from large pages, so that no pte pages are needed, and one pgd entry (PAE)
 * is enough for the second mapping even in the slot that Xen would not share.
 *
 * Called by native_entry(), without paging: a symbol's address is its paddr.
 * Source: Intel SDM volume 3A, chapter 4.3 and 4.4.
 */
#include <cpuid.h>

#include "boot.h"
#include "console.h"
#include "pgtable.h"

/** What is mapped: 1 GiB, all that has a VA from the highest PAGE_OFFSET up. */
#define NATIVE_MAPPED (1UL << 30)

#define CPUID_PSE 0x008
#define CPUID_PAE 0x040

/* Without PAE, PSE makes pages of 4 MiB; PAE has its 2 MiB ones by itself. */
#define CR4_PSE		0x010
#define CR4_PAE		0x020
#define CR4_PAGING_MODE (PMD_FOLDED ? CR4_PSE : CR4_PAE)
#define CPUID_NEEDED	(PMD_FOLDED ? CPUID_PSE : CPUID_PAE)

/** RW, USER, ACCESSED, DIRTY, PSE and GLOBAL have no place there. */
#define PAE_PGD_RESERVED 0x1e6

#define CR0_PROTECTED 0x00000001UL
#define CR0_PAGING    0x80000000UL

static pgd_t native_pgd[PTRS_PER_PGD] __attribute__((aligned(PAGE_SIZE)));
static pmd_t native_pmd[512] __attribute__((aligned(PAGE_SIZE)));

/* The pmd entry of an address: a pgd entry where pmds are folded. */
static pmd_t *native_get_pmd(unsigned long addr)
{
	if (PMD_FOLDED)
		return (pmd_t *)&native_pgd[pgd_index(addr)];
	return &native_pmd[pmd_index(addr)];
}

//! [native_map]
static void native_map(void)
{
	unsigned long addr;

	/* A PAE pgd entry has no RW bit: setting it would be a fault. */
	if (!PMD_FOLDED)
		native_pgd[0].pgd = (vaddr_t)native_pmd | _PAGE_PRESENT;

	for (addr = 0; addr < NATIVE_MAPPED; addr += PMD_SIZE)
		native_get_pmd(addr)->pmd =
			addr | _PAGE_PRESENT | _PAGE_RW | _PAGE_PSE;

	for (addr = 0; addr < NATIVE_MAPPED; addr += PGDIR_SIZE)
		native_pgd[pgd_index(addr + PAGE_OFFSET)] =
			native_pgd[pgd_index(addr)];
}
//! [native_map]

/* By the VA: a pmd page serves both mappings, but without one each has its
 * own entries.
 */
void native_all_is_mapped(void)
{
	verify_large_pages(native_get_pmd(PAGE_OFFSET), NATIVE_MAPPED);
}

static void check_processor(void)
{
	unsigned int eax, ebx, ecx, edx;

	__cpuid(1, eax, ebx, ecx, edx);
	if (!(edx & CPUID_NEEDED))
		panic("this processor has no %s, which paging with %s needs: build with another PAE=",
		      PMD_FOLDED ? "PSE" : "PAE", PAGING_NAME);
}

/* A PAE processor faults on reserved bits of a pgd entry, when CR3 is loaded.
 * QEMU's TCG lets them pass.
 */
static void check_pgd(void)
{
	pteval_t entry = native_pgd[0].pgd;

	if (!PMD_FOLDED && entry & PAE_PGD_RESERVED)
		panic("page tables: pgd[0] is %#llx, and bits %#x are reserved in a pgd entry with PAE",
		      (u64)entry, PAE_PGD_RESERVED);
}

/* Paging without protection is an exception, but QEMU's TCG lets it pass. */
static void check_cr0(void)
{
	unsigned long cr0;

	asm volatile("mov %%cr0, %0" : "=r"(cr0));
	if (~cr0 & (CR0_PAGING | CR0_PROTECTED))
		panic("CR0 is %#lx: PG (bit 31) and PE (bit 0) have to be set",
		      cr0);
}

//! [native_enable_paging]
void native_enable_paging(void)
{
	unsigned long cr4, cr0;

	check_processor();
	native_map();
	check_pgd();

	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	asm volatile("mov %0, %%cr4" : : "r"(cr4 | CR4_PAGING_MODE));
	asm volatile("mov %0, %%cr3" : : "r"(native_pgd) : "memory");
	/* The next instruction is fetched through the tables: P=V, so it is
	 * the next one. */
	asm volatile("mov %%cr0, %0" : "=r"(cr0));
	asm volatile("mov %0, %%cr0" : : "r"(cr0 | CR0_PAGING) : "memory");
	check_cr0();
	printk("  paging on: %s, paddr 0 to %#lx at P=V and from VA %#lx\n",
	       PAGING_NAME, NATIVE_MAPPED, PAGE_OFFSET);
}
//! [native_enable_paging]
