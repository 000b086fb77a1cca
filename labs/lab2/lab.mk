# SPDX-License-Identifier: GPL-2.0-only
# What lab 2 boots, and the files that are the reader's.
STAGE ?= 2
lab-files := stage2-hypercall/cpuid.c stage2-hypercall/hypercall-page.c
lab-blanks := early_cpuid hypercall_page_maddr setup_hypercall_page
