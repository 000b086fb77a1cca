/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * As much of QEMU's plugin interface as the recorder uses.
 *
 * Debian's QEMU loads plugins, but its packages leave the header out. These are
 * declarations of the functions that every QEMU from 7.2 on exports; their
 * documentation is QEMU's docs/devel/tcg-plugins.rst.
 */
#ifndef QEMU_PLUGIN_H
#define QEMU_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QEMU_PLUGIN_EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;

enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_W = 2 };

/* Up to version 6 of the interface it is called with (qemu_plugin_id_t id,
 * struct qemu_plugin_tb *block), from 7 on with (struct qemu_plugin_tb *block,
 * void *data). */
typedef void translated_t(void);
typedef void executed_t(unsigned int cpu, void *data);
typedef void accessed_t(unsigned int cpu, qemu_plugin_meminfo_t info,
			uint64_t va, void *data);

/* When QEMU has translated a block of instructions, and may be told what to
 * call when it executes them. Before version 7 it does not look at data. */
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   translated_t *call, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *
qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);

/* Called before the block, before the instruction, after the access. */
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block,
					  executed_t *call,
					  enum qemu_plugin_cb_flags flags,
					  void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    executed_t *call,
					    enum qemu_plugin_cb_flags flags,
					    void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
				      accessed_t *call,
				      enum qemu_plugin_cb_flags flags,
				      enum qemu_plugin_mem_rw which,
				      void *data);

/* Inside the last of these: whether it is a store after all (QEMU 7.2 calls for
 * loads, too), how large it is (1 << shift), and where in RAM. */
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t info);
unsigned int qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t info);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(qemu_plugin_meminfo_t info,
						  uint64_t va);
bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *where);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *where);

#endif
