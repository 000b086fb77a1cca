// SPDX-License-Identifier: GPL-2.0-only
/**
 * @file
 * A plugin for QEMU: writes down which instructions a guest of Xen executes,
 * and everything that is stored meanwhile, by the guest and by Xen. Without
 * Xen the guest is the kernel, from its entry on, and the firmware is before.
 *
 * Loaded by tools/explore into the QEMU of an ordinary `make run`. It is called
 * from the code that QEMU makes of the machine's instructions, so nothing
 * stops, no clock moves, and the boot is the same to the last instruction.
 * Where it is told to, it makes QEMU wait for an answer before the next
 * instruction; the machine does not notice that either. Of a loop with many
 * turns only the first are written down, and how many instructions followed
 * (loops.c).
 *
 * A QEMU of 7.2 does not tell a plugin the registers. They come from its log
 * (registers.py), which is why such a wait is needed: to switch it on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

/* Xen's own part of every address space; its code is at the upper end of it. */
#define XEN_FIRST 0xffff800000000000
#define XEN_CODE  0xffff82d000000000
#define XEN_LAST  0xffff87ffffffffff

QEMU_PLUGIN_EXPORT int qemu_plugin_version = 1;

uint64_t guest_count, steps;
bool guest_is_up, in_guest;

static bool xen_is_up, may_have_printed;
static uint64_t xen_blocks, xen_count;
static uint64_t last_va;
static struct record *last;

/* QEMU 9.1 loads no plugin that says 1, and 7.2 none that says 2. Only the
 * newer one has this function. QEMU 11.1 wants 7, which tools/explore hears
 * when it asks. */
__attribute__((constructor)) static void choose_version(void)
{
	const char *wanted = getenv("RECORDER_API");

	if (wanted)
		qemu_plugin_version = atoi(wanted);
	else if (dlsym(RTLD_DEFAULT,
		       "qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu"))
		qemu_plugin_version = 2;
}

static void xen_executed(unsigned int cpu, void *instructions)
{
	(void)cpu;
	in_guest = false;
	xen_count += (uintptr_t)instructions;
	if (!guest_is_up && ++xen_blocks == stop_in_xen)
		wait_for_answer(false, xen_blocks);
}

/* Without Xen, what runs before the guest is the firmware: it counts as Xen. */
static void firmware_executed(unsigned int cpu, void *instructions)
{
	if (!guest_is_up)
		xen_executed(cpu, instructions);
}

static void executed_in_guest(uint64_t va)
{
	bool left_out;

	if (native_entry && !guest_is_up && va != native_entry)
		return;
	if (guest_count == stop_in_guest)
		wait_for_answer(true, guest_count);
	left_out = goes_round(va);
	if ((xen_count || may_have_printed) && !left_out)
		add(XEN_RAN, 0, guest_is_up ? xen_count : xen_blocks,
		    console_size());
	xen_count = 0;
	may_have_printed = false;
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

/* Without Xen the guest writes to the serial port itself. */
static void guest_outputs(unsigned int cpu, void *data)
{
	guest_executed(cpu, data);
	may_have_printed = guest_is_up;
}

/* out %al, (%dx), without Xen */
static bool is_output(const struct qemu_plugin_insn *insn)
{
	const unsigned char *code = qemu_plugin_insn_haddr(insn);

	return native_entry && code && *code == 0xee;
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
	xen_is_up = xen_is_up || native_entry || (in_xen && va >= XEN_CODE);
	if (!xen_is_up)
		return;
	in_xen = in_xen && !native_entry;
	if (in_xen || native_entry)
		qemu_plugin_register_vcpu_tb_exec_cb(
			block, in_xen ? xen_executed : firmware_executed,
			QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)count);
	for (size_t i = 0; i < count; i++) {
		insn = qemu_plugin_tb_get_insn(block, i);
		va = qemu_plugin_insn_vaddr(insn);
		if (!in_xen)
			qemu_plugin_register_vcpu_insn_exec_cb(
				insn,
				is_hypercall(insn) ? guest_calls
				: is_output(insn)  ? guest_outputs
						   : guest_executed,
				QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)va);
		qemu_plugin_register_vcpu_mem_cb(insn, stored,
						 QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_W, NULL);
	}
}

static void translated_since_7(struct qemu_plugin_tb *block, void *data)
{
	(void)data;
	translated(0, block);
}

/* Without arguments it only is to be seen whether QEMU would load it. */
QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id,
					   const void *info, int argc,
					   char **argv)
{
	(void)info;
	if (!argc)
		return 1;
	open_recording(argc, argv);
	qemu_plugin_register_vcpu_tb_trans_cb(
		id,
		qemu_plugin_version < 7 ? (translated_t *)translated
					: (translated_t *)translated_since_7,
		NULL);
	return 0;
}
