# SPDX-License-Identifier: GPL-2.0-only
#
# Stage 6: all of stage 4 but its main.c, and the toolstack; what it builds a domain of is its module.
#
# Included by the Makefile. GUEST=n is a stage, GUEST=file any other image; GUEST_ARCH= and GUEST_PAE= are the stage's kind.
# MODULE= and CMDLINE= are the guest's. GUESTS=2 builds two of them, which share a page. LAYOUT=far has the toolstack lay store
# and console far above the page tables, GUEST_MEM=MiB gives the guest more memory than it needs.

# What unpacks a bzImage natively does so for the toolstack.
stage6 := $(filter-out %/stage4-start-kernel/main.o,$(stage4)) $(call objects,stage6-toolstack) \
	$(addprefix $(O)/obj/stage5-boot-protocol/boot/,gunzip.o inflate.o)

# No address is both dom0's and the guest's: GDB, and a reader of a dump, can tell whose it is.
$(O)/stage6.lds: src/stage1-notes/xen.lds.S src/include/page.h | ready
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -DLOAD_PHYSICAL_ADDR=0x400000 -E -P -x assembler-with-cpp $< -o $@

$(B)/stage6.elf: $(O)/stage6.lds $(stage6) $(O)/obj/stage4-start-kernel/early.o $(lab-objects)
	@mkdir -p $(@D)
	$(Q)$(in-sandbox) $(LD) $(LDFLAGS) -T $< -o $@ $(filter-out $(replaced-objects),$(filter %.o,$^))

# domctl is only in the headers for those who say that they are tools.
$(addsuffix /obj/stage6-toolstack/%.o,$(sort $(O) $(B))): override CFLAGS += -D__XEN_TOOLS__ -Isrc/stage5-boot-protocol/boot
-include $(wildcard $(O)/obj/stage5-boot-protocol/boot/*.d $(O)/obj/stage6-toolstack/pair/*.d)

# GUESTS=2: a guest that is all of stage 4 but its main.c, too.
$(B)/pair.elf: $(filter-out %/stage4-start-kernel/main.o,$(stage4)) $(call objects,stage6-toolstack/pair) \
		$(O)/obj/stage4-start-kernel/early.o $(O)/xen.lds
	$(Q)$(LD) $(LDFLAGS) -T $(O)/xen.lds -o $@ $(filter %.o,$^)

# (A make that this one calls gets MODULE from here, ready, and sees that by GUEST_IMAGE.)
ifeq ($(STAGE)$(IMAGE)$(GUEST_IMAGE),6)
GUESTS ?= 1
$(call one-of,GUESTS,1 2)
GUEST ?= $(if $(filter 2,$(GUESTS)),pair,4)
GUEST_ARCH ?= $(ARCH)
$(call one-of,GUEST_ARCH,x86_32 x86_64)
GUEST_PAE ?= y
$(call one-of,GUEST_PAE,y n)
LAYOUT ?= near
$(call one-of,LAYOUT,near far)
ifneq ($(GUEST_MEM)$(shell seq 4 64 | grep -x '$(GUEST_MEM)'),$(GUEST_MEM)$(GUEST_MEM))
$(error GUEST_MEM=$(GUEST_MEM) is not a size that a guest can have: use a number of MiB from 4 to 64)
endif
export GUEST_MEM GUEST_IMAGE
# What boots the machine: for `make run`, for GDB, and to be recorded.
boots := run gdb rewind pagetables explore record
$(boots): override CMDLINE := $(strip $(CMDLINE) $(if $(filter far,$(LAYOUT)),layout=far) $(GUEST_MEM:%=guest_mem=%) \
	$(if $(filter 2,$(GUESTS)),guests=2) $(if $(filter domU,$(PVH)),guest=pvh))
# In a debugger time jumps ahead whenever the machine is stopped, and the guest would be given up.
gdb rewind pagetables: override CMDLINE += seconds=86400

ifneq ($(filter 0 1 2 3 4 5 7 pair,$(GUEST)),)
# A lab's guest (guest-lab, its number) lies where the lab's images do.
guest-mode := $(if $(guest-lab),$(OUT),build)/$(if $(filter $(ARCH),$(GUEST_ARCH)),$(notdir $(O)),$(GUEST_ARCH)$(mode-$(GUEST_PAE)))$(GUEST_ERRATUM:%=-erratum%)$(if $(guest-lab),$(VARIANT:%=-%))
GUEST_IMAGE := $(guest-mode)/$(if $(filter pair,$(GUEST)),pair.elf,stage$(GUEST).$(if $(filter 5,$(GUEST)),bzImage,elf))

# The guest is made by a make of its own: it may be of another kind than dom0.
run gdb-ready explore record guest-files: guest
guest: ready
	@mkdir -p $(guest-mode) && flock $(guest-mode)/.lock $(MAKE) --no-print-directory STAGE=$(or $(filter-out pair,$(GUEST)),4) ARCH=$(GUEST_ARCH) \
		$(if $(filter $(ARCH),$(GUEST_ARCH)),,PAE=$(GUEST_PAE) VMSPLIT=3G) GUEST= GUEST_ARCH= PVH=n ERRATUM=$(GUEST_ERRATUM) \
		LAB=$(guest-lab) WORK=$(if $(guest-lab),$(WORK)) OUT=$(if $(guest-lab),$(OUT)) MODULE= $(GUEST_IMAGE)
.PHONY: guest
else
GUEST_IMAGE := $(GUEST)
ifeq ($(wildcard $(GUEST)),)
$(error GUEST=$(GUEST) is neither a file nor a stage that can be a guest: use one of 0 1 2 3 4 5 7, or the path of an image)
endif
endif

# For `xen guest 1` in GDB: a bzImage has no symbols, but the ELF file that it was made of.
export GUEST_SYMBOLS := $(or $(wildcard $(GUEST_IMAGE:.bzImage=.elf)),$(GUEST_IMAGE:.bzImage=.elf))

# Dom0's one module is the image, or an archive of the image and the guest's module.
ifneq ($(MODULE),)
guest-module := $(MODULE)
override MODULE := $(O)/guest.tar
run gdb-ready explore record: guest-files
guest-files:
	@mkdir -p $(O)
	@tools/guest-files $(MODULE) '$(GUEST_IMAGE)' '$(guest-module)'
.PHONY: guest-files
else
override MODULE := $(GUEST_IMAGE)
endif
endif
