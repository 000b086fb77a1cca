# SPDX-License-Identifier: GPL-2.0-only
# Stage 6: all of stage 4 but its main.c, and the toolstack; what it builds a domain of is its module.
#
# Included by the Makefile. GUEST=n is a stage, GUEST=file any other image; GUEST_ARCH= is the stage's kind.
# LAYOUT=far has the toolstack lay store and console far above the page tables.

stage6 := $(filter-out %/stage4-start-kernel/main.o,$(stage4)) $(call objects,stage6-toolstack)
$(B)/stage6.elf: $(stage6) $(O)/obj/stage4-start-kernel/early.o

# domctl is only in the headers for those who say that they are tools.
$(O)/obj/stage6-toolstack/%.o: CFLAGS += -D__XEN_TOOLS__

ifeq ($(STAGE)$(IMAGE),6)
# (A make that this one calls gets MODULE from here.)
ifneq ($(if $(filter 0,$(MAKELEVEL)),$(MODULE)),)
$(error MODULE= is stage 6's guest here: name the guest's image with GUEST=)
endif
GUEST ?= 4
GUEST_ARCH ?= $(ARCH)
$(call one-of,GUEST_ARCH,x86_32 x86_64)
LAYOUT ?= near
$(call one-of,LAYOUT,near far)
run: override CMDLINE := $(strip $(CMDLINE) $(if $(filter far,$(LAYOUT)),layout=far))

ifneq ($(filter 0 1 2 3 4 5,$(GUEST)),)
guest-mode := $(if $(filter $(ARCH),$(GUEST_ARCH)),$(O),build/$(GUEST_ARCH))
MODULE := $(guest-mode)/stage$(GUEST).elf

# The guest is made by a make of its own: it may be of another kind than dom0.
run: guest
guest: ready
	@mkdir -p $(guest-mode) && flock $(guest-mode)/.lock $(MAKE) --no-print-directory STAGE=$(GUEST) ARCH=$(GUEST_ARCH) \
		$(if $(filter $(ARCH),$(GUEST_ARCH)),,PAE=y VMSPLIT=3G) GUEST= GUEST_ARCH= MODULE= $(MODULE)
.PHONY: guest
else
MODULE := $(GUEST)
ifeq ($(wildcard $(GUEST)),)
$(error GUEST=$(GUEST) is no file, and no stage that can be a guest: use one of 0 1 2 3 4 5, or the path of an ELF image)
endif
endif
endif
