# SPDX-License-Identifier: GPL-2.0-only
# What lab 11 is about: stage 4 as a domain that stage 6 builds, with store and console far above its page tables; and the
# files that are the reader's, without what stands in the snippets, and in *.sed.
LAYOUT ?= far
ifeq ($(filter run gdb rewind pagetables,$(MAKECMDGOALS)),)
STAGE ?= 4
lab-files := stage2-hypercall/hypercall-page.c stage2-hypercall/ring.c stage3-remap/limit.c
lab-blanks := console_select_ring ring_write
else
# What boots is dom0, which is stage 6 as the tree has it. Its guest is made by a make of its own, with the reader's files.
override STAGE := 6
override GUEST := 4
guest-lab := 11
endif
