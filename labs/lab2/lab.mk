# SPDX-License-Identifier: GPL-2.0-only
# What lab 2 boots, and the files that are the reader's.
STAGE ?= 2
lab-files := stage2-hypercall/cpuid.c stage2-hypercall/hypercall-page.c
lab-blanks := early_cpuid hypercall_page_maddr setup_hypercall_page

# For the grader: a kernel in which early_cpuid() can be called, in a folder of its own (rules.mk).
ifdef ASKED
override OUT := $(OUT)/asked
endif
