# SPDX-License-Identifier: GPL-2.0-only
#
# What LAB=n means: a stage with the reader's files (work/labn) in place of its own. Included by the Makefile before its
# defaults, since a lab chooses its stage and its kind of kernel. The rules are at the Makefile's end.
#
# labs/labn/lab.mk says:
#	STAGE, ARCH, VMSPLIT	what it boots
#	lab-files		files below src/ that the reader gets, without what stands in the snippets lab-blanks
#	lab-replaces		the objects they stand in for, where these have other names
#	lab-carries		snippets that the reader has written in an earlier lab: 3:copy_mapping
#	lab-adds		files labs/labn/*.S that are linked as well

labs := $(shell printf "%s\n" $(patsubst labs/lab%/lab.mk,%,$(wildcard labs/lab*/lab.mk)) | sort -n)

# make would run what stands behind a $ in a path, and the shell what stands behind a quote.
open := (
odd-characters := $$ ` " ' ; & | < > * ? ! \ $(open) { } [
$(foreach name,SUBMISSIONS RESULTS VARIANT $(if $(LAB),WORK OUT),$(if $(strip $(filter-out 0 1,$(words $(value $(name))))$(foreach c,$(odd-characters),$(findstring $(c),$(value $(name))))),\
	$(error $(name)= has a space or another character that a path may not have here: use letters, digits and . / + - _ @)))

ifdef LAB
# A lab is graded as what it is for, which its lab.mk says.
ifneq ($(filter grade,$(MAKECMDGOALS)),)
$(foreach name,STAGE ARCH PAE VMSPLIT,$(if $(filter command,$(origin $(name))),\
	$(error make grade LAB=$(LAB) grades what the lab is about: leave $(name)= out, it is for make run)))
endif

ifneq ($(LAB),all)
ifeq ($(filter $(labs),$(LAB)),)
$(error LAB=$(LAB) is not known here: use LAB= one of $(labs), or LAB=all with make grade)
endif

# A variant of the lab (labs/grader/variant.py): make lab leaves its name in the work folder. The whole kernel lies elsewhere
# then, but for labs 10 and 11: a toolstack has an address of its own.
ifeq ($(VARIANT)$(filter grade-batch gradescope classroom50,$(MAKECMDGOALS)),)
override VARIANT := $(shell cat '$(or $(WORK),work/lab$(LAB))/variant' 2>/dev/null | tr -cd 'A-Za-z0-9_-' | head -c 40)
endif
ifneq ($(VARIANT),)
variant-load := $(shell tools/python -m grader.variant load '$(VARIANT)' $(LAB) 2>/dev/null)
variant-flags := $(shell tools/python -m grader.variant flags '$(VARIANT)' $(LAB) 2>/dev/null)
ifeq ($(variant-load)$(variant-flags)$(filter 7 10 11,$(LAB)),)
$(error VARIANT=$(VARIANT) is not the name of a variant: up to 40 letters, digits, - and _)
endif
endif

include labs/lab$(LAB)/lab.mk

# Where the reader works, and where everything goes that is made of it.
WORK ?= work/lab$(LAB)
OUT  ?= build/lab$(LAB)

lab-replaces ?= $(basename $(lab-files))
lab-folder = $(OUT)/$(notdir $(O))$(VARIANT:%=-%)
lab-objects = $(patsubst %,$(B)/obj/%.o,$(basename $(lab-files)) $(lab-adds))
replaced-objects = $(lab-replaces:%=$(O)/obj/%.o)

# SANDBOX=y, for make grade-batch: the linker, too, sees only what it is given (the compiler: rules.mk; QEMU: tools/machine).
in-sandbox = $(if $(SANDBOX),tools/sandbox $(patsubst %,-r %,$(filter-out $(replaced-objects),$(filter %.o %.lds %.elf,$^))) -w $(@D))
endif
endif
