# SPDX-License-Identifier: GPL-2.0-only
# What the grader's kernel of lab 2 is compiled with; included by labs/rules.mk.

ifdef ASKED
$(B)/obj/stage2-hypercall/cpuid.o: reader-flags += -include labs/lab2/asked.h
$(B)/obj/stage2-hypercall/cpuid.o: sandbox += $(if $(SANDBOX),-r labs/lab2/asked.h)
endif
