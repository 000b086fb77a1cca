# SPDX-License-Identifier: GPL-2.0-only
# What lab 5 boots, and the files that are the reader's.
STAGE ?= 4
lab-files := stage4-start-kernel/repoint.c stage4-start-kernel/jump_32.S stage4-start-kernel/early.c
lab-blanks := repoint_start_info jump_to xen_entry
