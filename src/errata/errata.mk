# SPDX-License-Identifier: GPL-2.0-only
#
# make run ERRATUM=n: a stage as the 2007 patch would have had it at one point. Included by the Makefile, before its
# defaults, since an erratum that is seen in one stage and one mode only chooses them.
#
# erratum-n.c takes the place of one object of the stage, or of a few. The stage's own source knows nothing of it.

errata := 1 2 3 4 5 6 7 8
bootable := x86_32 x86_32-2g x86_32-1g x86_64

#	stages-n, modes-n	where it can be seen, the usual one first
#	replaces-n		the objects that erratum-n.c stands in for
#	hole-n			how far the image reaches, a paddr: src/errata/hole.S (Xen clears all of it, so QEMU
#				takes up as much memory: almost 1 GB for 3 and 7)
#	module-n		what MODULE= is if the reader gives none
stages-1 := 3 4
modes-1 := x86_64
replaces-1 := stage3-remap/limit

stages-2 := 3
modes-2 := x86_32
replaces-2 := stage3-remap/p2m stage3-remap/limit stage3-remap/verify

stages-3 := 4
modes-3 := x86_32
replaces-3 := stage3-remap/limit
hole-3 := 0x35546000

stages-4 := 3 4
modes-4 := x86_32-2g x86_32-1g
replaces-4 := stage3-remap/remap
hole-4 := 0x1000000

stages-5 := 4
modes-5 := $(bootable)
replaces-5 := stage4-start-kernel/repoint
module-5 := src/errata/erratum-5.c

stages-6 := 2 3 4
modes-6 := $(bootable)
replaces-6 := stage2-hypercall/not-under-xen stage2-hypercall/cpuid

stages-7 := 4
modes-7 := x86_32
replaces-7 := stage3-remap/remap
hole-7 := 0x35800000

stages-8 := 4
modes-8 := $(bootable)
replaces-8 := stage4-start-kernel/early

# Stage 6 has none: it is the kernel in its guest that shall have it.
ifeq ($(STAGE),6)
GUEST_ERRATUM := $(ERRATUM)
override ERRATUM :=
ifneq ($(GUEST_ERRATUM),)
GUEST ?= $(firstword $(stages-$(GUEST_ERRATUM)))
GUEST_ARCH ?= $(firstword $(subst -, ,$(firstword $(modes-$(GUEST_ERRATUM)))))
endif
endif

ifneq ($(ERRATUM),)

ifeq ($(ERRATUM),9)
$(error erratum 9 was the hypervisor's: 32-bit Xen of 2007 took no dom0 that is loaded below 1 GB ("Initial loading isn't allowed to lowest 1GB of memory"). Xen has had no such rule since it is 64-bit only, so nothing here can show it. These run: ERRATUM= one of $(errata))
endif
ifneq ($(filter-out 1,$(words $(ERRATUM)))$(filter-out $(errata),$(ERRATUM)),)
$(error ERRATUM=$(ERRATUM) is not known here: use ERRATUM= one of $(errata), or read about 9 in lessons/8-errata.md)
endif
ifdef IMAGE
$(error ERRATUM= is about a stage: leave IMAGE= out)
endif

# What the reader does not say, the erratum chooses.
STAGE ?= $(firstword $(stages-$(ERRATUM)))
# (A make above this one hands down an empty MODULE.)
MODULE := $(or $(MODULE),$(module-$(ERRATUM)))
ifdef hole-$(ERRATUM)
# Xen says nothing while it clears the hole.
export SILENCE ?= 60
endif
ifeq ($(ARCH)$(PAE)$(VMSPLIT),)
ARCH := $(firstword $(subst -, ,$(firstword $(modes-$(ERRATUM)))))
VMSPLIT := $(if $(filter %-2g,$(firstword $(modes-$(ERRATUM)))),2G,3G)
endif

# And what he says has to fit. $(call check-erratum,mode), once the mode is known.
words-x86_32 := VMSPLIT=3G
words-x86_32-2g := VMSPLIT=2G
words-x86_32-1g := VMSPLIT=1G
words-x86_64 := ARCH=x86_64
check-erratum = $(if $(and $(filter $(STAGE),$(stages-$(ERRATUM))),$(filter $(1),$(modes-$(ERRATUM)))),,\
	$(error ERRATUM=$(ERRATUM) shows with STAGE= one of $(stages-$(ERRATUM)), and one of \
	$(foreach mode,$(modes-$(ERRATUM)),$(words-$(mode))); say neither, and that is what you get))

erratum-objects = $(patsubst %,$(O)/obj/errata/%.o,erratum-$(ERRATUM) $(if $(hole-$(ERRATUM)),hole))
erratum-replaces = $(replaces-$(ERRATUM):%=$(O)/obj/%.o)
erratum-flags = $(if $(hole-$(ERRATUM)),--section-start=.hole=$(shell \
	printf 0x%x $$(($(offset-$(VMSPLIT)) + $(hole-$(ERRATUM))))))

endif
