# SPDX-License-Identifier: GPL-2.0-only
#
# Stage 7: all of stage 4, with one note more and the way in that it names.
#
# Included by the Makefile. The image stays a PV guest's, too: then it is stage 4. On 32 bits the page tables are those of
# stage 5's native boot. One file takes the place of another: whoever ends a run in ring 0 may have Xen below.
stage7 := $(filter-out %/exit-native.o,$(stage4)) $(call objects,stage7-pvh) \
	$(filter %/native-paging_32.o %/large-pages.o,$(call objects,stage5-boot-protocol))
$(B)/stage7.elf: $(stage7) $(O)/obj/stage4-start-kernel/early.o

# How it is entered: PVH=qemu or microvm by QEMU alone, on a PC or its smallest machine; dom0 by Xen; n is a PV guest. An
# IMAGE= of the reader's own may be entered so, too. PVH=domU is stage 6's guest: see domu.mk.
ifeq ($(STAGE)$(IMAGE),7)
PVH ?= qemu
else
PVH ?= n
endif
$(call one-of,PVH,qemu microvm dom0 domU n)
ifeq ($(filter 7 6-domU,$(STAGE) $(STAGE)-$(PVH))$(IMAGE)$(filter n,$(PVH))$(filter-out 0,$(MAKELEVEL)),)
$(error PVH=$(PVH) needs a note that stage $(STAGE) has not: use STAGE=7, or IMAGE=file)
endif
ifneq ($(filter 7,$(STAGE))$(filter-out n,$(PVH)),)
override NATIVE := $(if $(filter qemu microvm,$(PVH)),y,n)
endif
# The kit's own Xen is built without what PVH needs.
ifneq ($(filter dom0 domU,$(PVH)$(XEN)),)
XEN := stock
endif
# QEMU's TCG sets ACCESSED in the top level of PAE tables, where it is reserved: Xen cannot read the guest's VMMCALL to step
# over it, and never gets on.
pvh-kind := $(if $(filter domU,$(PVH)),$(or $(GUEST_ARCH),$(ARCH))-$(or $(GUEST_PAE),y),$(ARCH)-$(PAE))
ifneq ($(filter $(ACCEL)-$(PVH)-$(pvh-kind)-$(IMAGE),tcg-dom0-x86_32-y- tcg-domU-x86_32-y-),)
$(error PVH=$(PVH) with PAE needs a real processor (ACCEL=kvm): use ARCH=x86_64, or PAE=n)
endif
export PVH
