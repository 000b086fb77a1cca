# SPDX-License-Identifier: GPL-2.0-only
# What lab 4 boots, and the file that is the reader's.
STAGE   ?= 3
VMSPLIT ?= 2G
lab-files := stage3-remap/remap.c
lab-blanks := remap_kernel_pgd remap_kernel
lab-carries := 3:copy_mapping 3:remap_kernel_pmd
