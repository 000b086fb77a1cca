/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What is written down of a boot, and what the parts of the recorder share.
 * tools/explore/boot.py and trace.py read it.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "qemu-plugin.h"

#define PAGE_SIZE 4096

/* A boot with more steps is recorded up to here. */
#define MOST_STEPS 500000

enum kind {
	EXECUTED = 1, /* about to be, at a VA; so many times in a row (REP) */
	STORED,	      /* a value of so many bytes, at a maddr */
	XEN_RAN,      /* so many instructions; and the console's length now */
	LOOPED,	      /* so many instructions more, in turns of `size` each */
	XEN_STORED,   /* as STORED */
};

struct record {
	uint32_t kind;
	uint32_t size; /* or how many times */
	uint64_t where;
	uint64_t value;
};

/* The file: a head, and records. It is memory that is shared with
 * tools/explore: nothing is lost when QEMU is killed. */
struct recording {
	uint64_t count;
	uint64_t period;  /* of the loop that is left out at this moment, */
	uint64_t skipped; /* and how many of its instructions already */
	uint64_t full;	  /* the recording ends before the boot */
	uint64_t unused[2];
	struct record record[];
};

extern struct recording *out;

/* Guest instructions executed, and those that became a step. */
extern uint64_t guest_count, steps;
/* Whether the guest was started, and whether it runs now, rather than Xen. */
extern bool guest_is_up, in_guest;

/* record.c */
void open_recording(int argc, char **argv);
struct record *add(enum kind kind, uint32_t size, uint64_t where,
		   uint64_t value);
void wait_for_answer(bool guest_is_next, uint64_t n);
uint64_t console_size(void);
extern uint64_t stop_in_xen, stop_in_guest, native_entry;
extern const unsigned char *ram, *wanted;
extern uint64_t ram_size, wanted_pages;

/* loops.c */
bool goes_round(uint64_t va);
void end_loop(void);

/* stores.c */
accessed_t stored;

#endif
