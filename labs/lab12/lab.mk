# SPDX-License-Identifier: GPL-2.0-only
# What lab 12 boots, without Xen, and the files that are the reader's.
STAGE ?= 7
ARCH ?= x86_64
lab-files := stage7-pvh/pvh-note.S stage7-pvh/pvh-head_64.S stage7-pvh/hvm-start-info.c
lab-blanks := pvh_note startup_pvh pvh_check_start_info
