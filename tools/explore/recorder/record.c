// SPDX-License-Identifier: GPL-2.0-only
/**
 * @file
 * Files and the wait: what the recorder shares with tools/explore, which has
 * opened it all. Called by the other files here.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record.h"

struct recording *out;
uint64_t stop_in_xen, stop_in_guest, native_entry;
/* The machine's memory; and of each of its pages, whether Xen's stores into it
 * are of interest. */
const unsigned char *ram, *wanted;
uint64_t ram_size, wanted_pages;

static uint64_t capacity;
static int control;

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

/* If there is no room any more, the recording ends there; the boot goes on. */
struct record *add(enum kind kind, uint32_t size, uint64_t where,
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

/* What the recorder says when it waits: instruction number n of the guest is
 * next, or (before the first) block number n of Xen's. */
struct wait {
	uint64_t in_guest;
	uint64_t n;
};

/* Says where the guest is; the answer is the number of the instruction to stop
 * at next. */
void wait_for_answer(bool guest_is_next, uint64_t n)
{
	struct wait here = {guest_is_next, n};

	if (write(control, &here, sizeof(here)) != sizeof(here) ||
	    read(control, &stop_in_guest, sizeof(stop_in_guest)) !=
		    sizeof(stop_in_guest))
		stop_in_guest = -1;
}

/* The serial port's bytes go to a file where QEMU works (tools/machine). */
uint64_t console_size(void)
{
	static int console = -1;
	struct stat file;

	if (console < 0)
		console = open("log", O_RDONLY | O_CLOEXEC);
	return fstat(console, &file) ? 0 : file.st_size;
}

/* Arguments: file descriptors that tools/explore has opened, the number of the
 * block before the guest to stop at (0: none), and the address at which a guest
 * begins that boots without Xen (0: under Xen). */
void open_recording(int argc, char **argv)
{
	uint64_t size;

	control = number(argc, argv, "control");
	stop_in_xen = number(argc, argv, "stop");
	native_entry = number(argc, argv, "entry");
	ram = map(number(argc, argv, "ram"), PROT_READ, &ram_size);
	wanted = map(number(argc, argv, "wanted"), PROT_READ, &wanted_pages);
	out = map(number(argc, argv, "out"), PROT_READ | PROT_WRITE, &size);
	capacity = (size - sizeof(*out)) / sizeof(struct record);
}
