# SPDX-License-Identifier: GPL-2.0-only
#
# STAGE=7 PVH=domU: stage 6 builds a domain of stage 7.
#
# Included by the Makefile before its defaults, since what is then booted is stage 6, with 64 bits, as Debian's Xen wants of
# a dom0.
ifeq ($(STAGE)-$(PVH)$(IMAGE),7-domU)
override GUEST := 7
override GUEST_ARCH := $(or $(ARCH),x86_32)
override GUEST_PAE := $(or $(PAE),y)
override STAGE := 6
override ARCH := x86_64
override PAE := y
endif
