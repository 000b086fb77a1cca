# SPDX-License-Identifier: GPL-2.0-only
# What lab 8 boots (STAGE=4 goes on to start_kernel), and the files that are the reader's.
STAGE ?= 3
ARCH  ?= x86_64
lab-files := stage3-remap/walk.c stage3-remap/remap.c
lab-blanks := get_pmd remap_kernel_pgd remap_kernel_text
lab-carries := 3:copy_mapping

# For the grader: an image so large that it takes several pmd entries, in a folder of its own.
ifdef LARGE
override OUT := $(OUT)/large
lab-adds := large
endif
