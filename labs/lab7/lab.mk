# SPDX-License-Identifier: GPL-2.0-only
# What lab 7 boots: BUG=n is one of six broken kernels, each of src/ with one fault. Without BUG= it is the right kernel,
# which only the grader boots. Their rules are in rules.mk.
STAGE ?= 4
bugs := $(notdir $(wildcard labs/lab7/faults/*))

# The same module for all of them: a text of some megabytes.
ifeq ($(MODULE),)
MODULE = $(OUT)/module
endif

ifdef BUG
ifeq ($(filter $(bugs),$(BUG)),)
$(error BUG=$(BUG) is not known here: use BUG= one of $(bugs))
endif
# What is wrong is the reader's to find.
export EXPLAIN := n
fault-number := $(if $(VARIANT),$(shell tools/python -m grader.variant bug '$(VARIANT)' 7 $(BUG)),$(BUG))
fault := $(shell labs/lab7/fault where $(fault-number))
override ARCH := $(firstword $(fault))
lab-replaces := $(basename $(lastword $(fault)))
override lab-folder = $(OUT)/bug$(BUG)$(VARIANT:%=-%)
override lab-objects = $(B)/fault.o
else ifneq ($(filter run gdb rewind pagetables explore record,$(MAKECMDGOALS)),)
$(error lab 7 has several kernels, which one? BUG= one of $(bugs))
endif
