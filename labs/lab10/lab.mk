# SPDX-License-Identifier: GPL-2.0-only
# What lab 10 boots, and the files that are the reader's: without what stands in the snippets, and in *.sed.
STAGE ?= 6
ARCH  ?= x86_32
lab-files := stage6-toolstack/p2m.c stage6-toolstack/pagetables.c stage6-toolstack/start-info.c stage6-toolstack/context.c stage6-toolstack/serve.c
lab-blanks := write_mfn_list write_page_tables pin_page_tables attend
