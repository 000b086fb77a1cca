/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The model: a machine, a hypervisor and a guest at its first instruction.
 *
 * Written to be read against Xen and the processor's manual, not against src/:
 * geometry stands here in plain numbers, and nothing of the code under test is
 * used to build the model or to judge what was done to it.
 *
 * Levels are counted as Xen counts them: 1 is a table of ptes, LEVELS the pgd.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include "types.h"
#include "xen-interface.h"

#define KIB(n) ((u64)(n) << 10)
#define MIB(n) ((u64)(n) << 20)
#define GIB(n) ((u64)(n) << 30)
#define PAGE   KIB(4)

#if defined(CONFIG_X86_64)
typedef u64 entry_t;
#define VA_BITS	   48
#define LEVELS	   4
#define INDEX_BITS 9
/** Entries of the pgd that the guest may not write, first and last. */
#define XEN_PGD_FIRST 256
#define XEN_PGD_LAST  271
/** Where Xen's part of the address space begins. */
#define XEN_VA 0xffff800000000000ULL
/** Where memory is linked, where the image, and how much may be remapped. */
#define VA_MEMORY   0xffff880000000000ULL
#define VA_IMAGE    0xffffffff80000000ULL
#define MOST_MEMORY GIB(510)

#elif defined(CONFIG_X86_PAE)
typedef u64 entry_t;
#define VA_BITS	      32
#define LEVELS	      3
#define INDEX_BITS    9
#define XEN_PGD_FIRST 3
#define XEN_PGD_LAST  3
#define XEN_VA	      0xf5800000ULL

#else
typedef u32 entry_t;
#define VA_BITS	      32
#define LEVELS	      2
#define INDEX_BITS    10
#define XEN_PGD_FIRST 0x3f0
#define XEN_PGD_LAST  0x3ff
#define XEN_VA	      0xfc000000ULL
#endif

#ifndef CONFIG_X86_64
#define VA_MEMORY ((u64)CONFIG_PAGE_OFFSET)
#define VA_IMAGE  VA_MEMORY
/** Memory ends where Xen begins, or else where P=V does. */
#define MOST_MEMORY min(XEN_VA - VA_MEMORY, VA_MEMORY)
#endif

/** In the PAE pmd page that the guest shares with Xen, Xen's first entry. */
#define XEN_PMD_FIRST 428

/** The bytes that one entry of a level maps. */
#define REACH(level) (1ULL << (12 - INDEX_BITS + INDEX_BITS * (level)))

#define ENTRIES_PER_TABLE (PAGE / sizeof(entry_t))

#define ENTRY_PRESENT 0x001
#define ENTRY_RW      0x002
/** PWT, PCD, PSE and G: Xen takes none of them above the ptes. */
#define ENTRY_BAD  0x198
#define ENTRY_ADDR 0x000ffffffffff000ULL

#define MAX_TABLES 1100

/** All there is. */
extern struct machine {
	/** Pseudo-physical memory, sparse, from paddr 0; Xen's m2p. */
	u8 *memory;
	unsigned long *m2p;
	/** The guest's start_info, inside memory. */
	struct start_info *info;

	u64 nr_pages;
	/** paddr: the image's end, how far P=V is mapped, the stack pointer. */
	u64 image_end, mapped, stack_pointer;
	/** Too large to fill for every test: P=V has holes below mapped. */
	bool holes;

	/** Page tables, one behind the other from start_info's pt_base. */
	u64 pt_base;
	unsigned int nr_tables;
	u8 table_level[MAX_TABLES];
	/** PFN of PAE's pmd page for the slot with Xen in it; 0 if none. */
	u64 shared_pmd_pfn;

	/** What mmu_update did since the model was built. */
	unsigned int calls, updates;
} machine;

/** What kind of guest to build. */
struct guest {
	/** Bytes from paddr 0 that P=V must map at least. */
	u64 memory;
	/** The end of the image, a paddr. */
	u64 image_end;
	bool dom0;
	/** PAE: slots that P=V does not need have no pmd page. */
	bool empty_slots;
};

/** Makes the model anew; what was in it before is gone. */
void machine_build(const struct guest *guest);

/* frames.c: which machine frame holds which page of the guest's. */

/** Shuffles the machine: a new order for @p nr_pages pages. */
void frames_shuffle(u64 nr_pages);
/** @return the MFN of a page of the guest's */
u64 frame_of(u64 pfn);
/** @return a frame that is not the guest's; another for each @p pfn */
u64 frame_of_stranger(u64 pfn);
/** @return whether a frame is the guest's, and in @p pfn which page it holds */
bool frame_is_ours(u64 mfn, u64 *pfn);
/** @return the level of the table that a page is, or 0 */
unsigned int table_level(u64 pfn);

/* processor.c: the walk that hardware does. */

#define NOT_MAPPED (~0ULL)

/** @return the entry of @p level that translates @p va; NULL if none */
entry_t *entry_for(u64 va, unsigned int level);
/** @return the machine address that @p va is translated to, or NOT_MAPPED */
u64 translate(u64 va);

/* xen.c */

/** @return the level at which the mapping of @p va can be replaced */
unsigned int writable_level(u64 va);

/* random.c: numbers that come again with the same seed (UNIT_SEED=n). */

extern u64 random_seed;
u64 random_u64(void);
/** @return a number from 0 to @p end - 1 */
u64 random_below(u64 end);
/** @return 1 to @p end - 1, small ones as often as large ones */
u64 random_size(u64 end);

#endif
