// SPDX-License-Identifier: GPL-2.0-only
/**
 * @file
 * A plugin for QEMU: writes down which instructions a guest of Xen executes,
 * and everything that is stored meanwhile, by the guest and by Xen.
 *
 * Loaded by tools/explore into the QEMU of an ordinary `make run`. It is called
 * from the code that QEMU makes of the machine's instructions, so nothing
 * stops, no clock moves, and the boot is the same to the last instruction.
 * Where it is told to, it makes QEMU wait for an answer before the next
 * instruction; the machine does not notice that either. Of a loop with many
 * turns only the first are written down, and how many instructions followed.
 *
 * A QEMU of 7.2 does not tell a plugin the registers. They come from its log
 * (registers.py), which is why such a wait is needed: to switch it on.
 *
 * The file that it writes into is memory that it shares with tools/explore:
 * nothing is lost when QEMU is killed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qemu-plugin.h"

/* Xen's own part of every address space; its code is at the upper end of it. */
#define XEN_FIRST 0xffff800000000000
#define XEN_CODE  0xffff82d000000000
#define XEN_LAST  0xffff87ffffffffff
#define PAGE_SIZE 4096

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

/* What the recorder says when it waits: instruction number n of the guest is
 * next, or (before the first) block number n of Xen's. */
struct wait {
	uint64_t in_guest;
	uint64_t n;
};

QEMU_PLUGIN_EXPORT int qemu_plugin_version = 1;

static struct {
	uint64_t count;
	uint64_t period;  /* of the loop that is left out at this moment, */
	uint64_t skipped; /* and how many of its instructions already */
	uint64_t full;	  /* the recording ends before the boot */
	uint64_t unused[2];
	struct record record[];
} * out;
static uint64_t capacity;
static const unsigned char *ram, *wanted;
static uint64_t ram_size, pages;
static int control, console = -1;

static bool xen_is_up, guest_is_up, in_guest;
static uint64_t last_va;
static struct record *last;
static uint64_t guest_count, steps, xen_blocks, xen_count;
static uint64_t stop_in_xen, stop_in_guest;

/* A loop is at most so many instructions long; its first turns are written
 * down, or the first few if this loop was long before. */
#define LONGEST	   256
#define TURNS	   64
#define FEW_TURNS  3
#define FEW_STORES 16
/* A boot with more steps is recorded up to here. */
#define MOST_STEPS 500000
static struct {
	uint64_t va;
	uint64_t when; /* it was executed last */
	uint64_t long_period;
} seen[1 << 16];
static uint64_t period, matched;

/* QEMU 9.1 loads no plugin that says 1, and 7.2 none that says 2. Only the
 * newer one has this function. */
__attribute__((constructor)) static void choose_version(void)
{
	if (dlsym(RTLD_DEFAULT,
		  "qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu"))
		qemu_plugin_version = 2;
}

/* If there is no room any more, the recording ends there; the boot goes on. */
static struct record *add(enum kind kind, uint32_t size, uint64_t where,
			  uint64_t value)
{
	struct record *record = &out->record[out->count];

	out->full = out->full || out->count == capacity;
	if (out->full)
		return NULL;
	*record = (struct record){kind, size, where, value};
	out->count++;
	return record;
}

/* Says where the guest is; the answer is the number of the instruction to stop
 * at next. */
static void wait_for_answer(bool in_guest, uint64_t n)
{
	struct wait here = {in_guest, n};

	if (write(control, &here, sizeof(here)) != sizeof(here) ||
	    read(control, &stop_in_guest, sizeof(stop_in_guest)) !=
		    sizeof(stop_in_guest))
		stop_in_guest = -1;
}

static void xen_executed(unsigned int cpu, void *instructions)
{
	(void)cpu;
	in_guest = false;
	xen_count += (uintptr_t)instructions;
	if (!guest_is_up && ++xen_blocks == stop_in_xen)
		wait_for_answer(false, xen_blocks);
}

static uint64_t console_size(void)
{
	struct stat file;

	if (console < 0)
		console = open("log", O_RDONLY | O_CLOEXEC);
	return fstat(console, &file) ? 0 : file.st_size;
}

static void end_loop(void)
{
	if (out->skipped)
		add(LOOPED, period, out->skipped, 0);
	out->skipped = 0;
	period = matched = 0;
}

/* Whether this instruction is in one more turn of a loop that has had enough of
 * them: every instruction for long came `period` instructions after it came
 * last. */
static bool goes_round(uint64_t va)
{
	typeof(seen[0]) *slot = &seen[va % (sizeof(seen) / sizeof(seen[0]))];
	uint64_t distance = guest_count - slot->when;

	if (slot->va != va) {
		slot->va = va;
		slot->long_period = 0;
		distance = 0;
	}
	slot->when = guest_count;
	if (!distance || distance > LONGEST || distance != period) {
		end_loop();
		period = distance;
		return false;
	}
	if (!out->skipped &&
	    ++matched <
		    period * (slot->long_period == period ? FEW_TURNS : TURNS))
		return false;
	slot->long_period = out->period = period;
	out->skipped++;
	return true;
}

static void executed_in_guest(uint64_t va)
{
	bool left_out;

	if (guest_count == stop_in_guest)
		wait_for_answer(true, guest_count);
	left_out = goes_round(va);
	if (xen_count && !left_out)
		add(XEN_RAN, 0, guest_is_up ? xen_count : xen_blocks,
		    console_size());
	xen_count = 0;
	guest_is_up = in_guest = true;
	last = left_out ? NULL : add(EXECUTED, 1, va, 0);
	last_va = va;
	guest_count++;
	out->full = out->full || steps == MOST_STEPS;
	steps += !left_out;
}

static void guest_executed(unsigned int cpu, void *data)
{
	uint64_t va = (uintptr_t)data;

	(void)cpu;
	if (!in_guest || last_va != va)
		executed_in_guest(va);
	else if (last)
		last->size++;
}

/* No hypercall is left out, how often it may be made. */
static void guest_calls(unsigned int cpu, void *data)
{
	(void)cpu;
	end_loop();
	executed_in_guest((uintptr_t)data);
}

/* In the turns that are left out only the last value of each place counts, and
 * there are few places. */
static bool store_again(uint64_t maddr, uint32_t size, uint64_t value)
{
	uint64_t first = out->count > FEW_STORES ? out->count - FEW_STORES : 0;

	for (uint64_t i = out->count; i-- > first;) {
		struct record *record = &out->record[i];

		if (record->kind != STORED)
			break;
		if (record->where == maddr && record->size == size) {
			record->value = value;
			return true;
		}
	}
	return false;
}

/* One piece of a store, inside one page and at most as large as a record's
 * value. Of what Xen stores, only what is in a page of the guest's is of
 * interest. */
static void stored_piece(qemu_plugin_meminfo_t info, uint64_t va, uint32_t size)
{
	struct qemu_plugin_hwaddr *where = qemu_plugin_get_hwaddr(info, va);
	uint64_t maddr, value = 0;

	if (!where || qemu_plugin_hwaddr_is_io(where))
		return;
	maddr = qemu_plugin_hwaddr_phys_addr(where);
	if (maddr > ram_size - size ||
	    (!in_guest && !wanted[maddr / PAGE_SIZE % pages]))
		return;
	memcpy(&value, ram + maddr, size);
	if (!out->skipped || !store_again(maddr, size, value))
		add(in_guest ? STORED : XEN_STORED, size, maddr, value);
}

static void stored(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t va,
		   void *data)
{
	uint32_t left = 1u << qemu_plugin_mem_size_shift(info), size;

	(void)cpu;
	(void)data;
	if (!guest_is_up || !qemu_plugin_mem_is_store(info))
		return;
	for (; left; left -= size, va += size) {
		size = PAGE_SIZE - va % PAGE_SIZE;
		if (size > left)
			size = left;
		if (size > sizeof(uint64_t))
			size = sizeof(uint64_t);
		stored_piece(info, va, size);
	}
}

/* int $0x82 or syscall */
static bool is_hypercall(const struct qemu_plugin_insn *insn)
{
	const unsigned char *code = qemu_plugin_insn_haddr(insn);

	return code &&
	       (!memcmp(code, "\xcd\x82", 2) || !memcmp(code, "\x0f\x05", 2));
}

/* A block is Xen's or the guest's by its address, once Xen has come to run at
 * its own. */
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
	size_t count = qemu_plugin_tb_n_insns(block);
	struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(block, 0);
	uint64_t va = qemu_plugin_insn_vaddr(insn);
	bool in_xen = va >= XEN_FIRST && va <= XEN_LAST;

	(void)id;
	xen_is_up = xen_is_up || (in_xen && va >= XEN_CODE);
	if (!xen_is_up)
		return;
	if (in_xen)
		qemu_plugin_register_vcpu_tb_exec_cb(block, xen_executed,
						     QEMU_PLUGIN_CB_NO_REGS,
						     (void *)(uintptr_t)count);
	for (size_t i = 0; i < count; i++) {
		insn = qemu_plugin_tb_get_insn(block, i);
		va = qemu_plugin_insn_vaddr(insn);
		if (!in_xen)
			qemu_plugin_register_vcpu_insn_exec_cb(
				insn,
				is_hypercall(insn) ? guest_calls
						   : guest_executed,
				QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)va);
		qemu_plugin_register_vcpu_mem_cb(insn, stored,
						 QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_W, NULL);
	}
}

/* The value of an argument NAME=NUMBER. */
static uint64_t number(int argc, char **argv, const char *name)
{
	size_t length = strlen(name);

	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], name, length) && argv[i][length] == '=')
			return strtoull(argv[i] + length + 1, NULL, 0);
	fprintf(stderr, "recorder: no %s=\n", name);
	exit(1);
}

static void *map(int fd, int rights, uint64_t *size)
{
	struct stat file;
	void *memory = MAP_FAILED;

	if (!fstat(fd, &file))
		memory = mmap(NULL, file.st_size, rights, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		perror("recorder: a file cannot be mapped");
		exit(1);
	}
	*size = file.st_size;
	return memory;
}

/* Arguments: file descriptors that tools/explore has opened, and the number of
 * Xen's block to stop at (0: none). */
QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id,
					   const void *info, int argc,
					   char **argv)
{
	uint64_t size;

	(void)info;
	control = number(argc, argv, "control");
	stop_in_xen = number(argc, argv, "stop");
	ram = map(number(argc, argv, "ram"), PROT_READ, &ram_size);
	wanted = map(number(argc, argv, "wanted"), PROT_READ, &pages);
	out = map(number(argc, argv, "out"), PROT_READ | PROT_WRITE, &size);
	capacity = (size - sizeof(*out)) / sizeof(struct record);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
