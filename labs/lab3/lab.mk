# SPDX-License-Identifier: GPL-2.0-only
# What lab 3 boots, and the files that are the reader's.
STAGE ?= 3
lab-files := stage3-remap/p2m.c stage3-remap/walk.c stage3-remap/limit.c stage3-remap/remap.c
lab-blanks := early_p2m early_m2p get_pmd remap_limit copy_mapping remap_kernel_pmd
