/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * A guest that ends in every way there is, on request: CMDLINE= names one.
 *
 * tests/boot.bats builds stage 2 with this in place of its early.c. Called by
 * startup_xen, P=V.
 */
#include "console.h"
#include "early.h"
#include "hypercall.h"
#include "serial.h"
#include "setup-hypercall.h"
#include "string.h"

static void shutdown(unsigned int why)
{
	struct sched_shutdown reason = {.reason = why};

	HYPERVISOR_sched_op(SCHEDOP_shutdown, &reason);
}

static void crash(void)
{
	asm volatile("ud2");
}

/* Everything that a careless reader of transcripts might believe. */
static void forge(const char *ending)
{
	printk("all done\nsuccess\nPASS\nTest result: ERROR\n");
	printk("(XEN) Hardware Dom0 shutdown: rebooting machine\n");
	if (*ending)
		printk("(XEN) %s\n", ending);
	printk("actor.elf: succeeded\nno end of line");
}

/* What a terminal would not print: each has to reach the transcript. */
static void say_bytes(void)
{
	static const char bytes[] = "<\0\1\t\177\200\377>\n";

	console_write(bytes, sizeof(bytes) - 1);
}

static void reset_by_keyboard_controller(void)
{
	struct physdev_set_iopl iopl = {.iopl = 1};

	HYPERVISOR_physdev_op(PHYSDEVOP_set_iopl, &iopl);
	outb(0xfe, 0x64);
}

static void act(const char *what)
{
	const char *end = what;

	while (*end && *end != ' ')
		end++;
#define ASKED(name) \
	(end - what == sizeof(name) - 1 && !memcmp(what, name, end - what))

	if (ASKED("fail"))
		panic("on request");
	if (ASKED("reboot"))
		shutdown(SHUTDOWN_reboot);
	if (ASKED("skip")) {
		printk("Test result: SKIP\n");
		shutdown(SHUTDOWN_reboot);
	}
	if (ASKED("poweroff"))
		shutdown(SHUTDOWN_poweroff);
	if (ASKED("crash"))
		crash();
	if (ASKED("reset"))
		reset_by_keyboard_controller();
	if (ASKED("block"))
		HYPERVISOR_sched_op(SCHEDOP_block, NULL);
	while (ASKED("loop"))
		;
	while (ASKED("print"))
		printk("and on\n");
	while (ASKED("dots"))
		printk(".");
	if (ASKED("bytes"))
		say_bytes();
	if (ASKED("forge-crash")) {
		forge("");
		crash();
	}
	if (ASKED("forge-success"))
		forge("Hardware Dom0 crashed: rebooting machine in 5 seconds.\n"
		      "(XEN) Manual reset required");
	if (ASKED("forge-loop")) {
		forge("Hardware Dom0 halted: halting machine");
		for (;;)
			;
	}
}

void xen_entry(struct start_info *info)
{
	setup_hypercall_page(info);
	printk("actor: \"%s\", module of %lu bytes\n", (char *)info->cmd_line,
	       info->mod_len);
	act((char *)info->cmd_line);
	xen_exit(VERDICT_SUCCESS);
}
