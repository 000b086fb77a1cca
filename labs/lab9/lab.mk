# SPDX-License-Identifier: GPL-2.0-only
# What lab 9 boots, and the files that are the reader's: src/'s, with the mistakes of 2007 put back (*.sed).
STAGE ?= 4
ARCH  ?= x86_64
lab-files := stage3-remap/limit.c stage4-start-kernel/repoint.c

# Without a module one of the mistakes is not to be seen.
MODULE := $(or $(MODULE),src/errata/erratum-5.c)
