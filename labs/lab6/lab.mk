# SPDX-License-Identifier: GPL-2.0-only
# What lab 6 boots, under Xen and with NATIVE=y without it, and the file that is the reader's.
STAGE ?= 5
lab-files := stage5-boot-protocol/head_32.S
lab-blanks := startup_xen startup_32 subarch_entries
