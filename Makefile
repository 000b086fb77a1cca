# SPDX-License-Identifier: GPL-2.0-only
#
# Every command of the kit. `make` alone prints this help:
#
## make run [STAGE=n]     build stage n (0 to 7, usually 4), boot it under Xen
## make check             the tests; check-long has those that take longer
## make check-gdb         the commands in GDB, on every stage in every mode
## make check-explain     is the cause of each known fault named? (1233 faults)
## make check-xl          the stages as domUs of Debian's xl, on a Linux dom0
## make unit              the unit tests alone: the remap against model tables
## make matrix            each stage, mode, hypervisor booted: a table; XEN=a,b,...
## make notes [STAGE=n]   what Xen will read of its ELF notes; also IMAGE=file
## make diff STAGE=n      what stage n adds to the one before
## make doc               the book, every name a link: build/doc/html/index.html
## make pdf               the same on paper: build/doc/book.pdf
## make check-doc         its pages in a browser, and all transcripts in them
## make bench             how long the loop takes, how large the images are
## make gdb [STAGE=n]     boot it, stop at its first instruction; `help xen` there
## make gdbserver, make vscode, make compile_commands   for other debuggers
## make rewind [STAGE=n]  the same at the end of the boot; `xen back` goes back
## make explore [STAGE=n]      record the boot: a page to step through, both ways
## make pagetables [STAGE=n]   its page tables at entry and end: text, pictures
## make lab LAB=n         a lab to work on, in work/labn; make run LAB=n boots it
## make grade LAB=n       its points, and what is wrong
## make hint LAB=n [TASK=n]    the next of three hints for a task
## make answers LAB=n     the answers to its page's questions, after full points
## make grade-batch SUBMISSIONS=folder [LAB=n]   a course: a table in build/batch
## make gradescope LAB=n  its grader, packed for Gradescope; or classroom50
## make check-labs        the grader against all wrong answers that are known
## make doctor            what is on this machine, what is missing, what fixes it
## make xen               build the hypervisor (others do so when it is missing)
## make clean             delete what was built, but not the hypervisor
##
## Variables, after the command:
##   ARCH=x86_32|x86_64  PAE=y|n  VMSPLIT=3G|2G|1G    which kind (x86_32, y, 3G)
##   CMDLINE="words"  MODULE=file                     reach the guest
##   IMAGE=file  SYMBOLS=file   boot this instead of a stage; its ELF file for gdb
##   MEM=MiB  DOM0_MEM=MiB      memory of the machine and of dom0
##   GUEST=n|file  GUEST_ARCH=kind  GUEST_MEM=MiB  GUESTS=2  LAYOUT=far   stage 6
##   NATIVE=y                   boot stage 5 without Xen
##   PVH=qemu|microvm|dom0|domU|n   who enters stage 7 (qemu: no Xen; n: as PV)
##   XEN=file|stock  XEN_SRC=folder   this hypervisor; build it from this source
##   ACCEL=kvm  V=1  SLOW=n   by the processor (never tried); all lines; limits *n
##   CC= LD= CFLAGS= LDFLAGS= CROSS_COMPILE=    with what, and how, it is built
##   ERRATUM=n                  the 2007 patch's mistake n (1 to 9) put back
##   WORK=folder OUT=folder FORCE=y GRADE_FORMAT=json|junit|tap   for labs; LAB=all
##   VARIANT=word               a lab with other names and addresses
##   LAB=7 BUG=n                a broken kernel of lab 7, for run, gdb, explore

include src/errata/errata.mk
include labs/labs.mk
include src/stage7-pvh/domu.mk

STAGE   ?= 4
ARCH    ?= x86_32
PAE     ?= y
VMSPLIT ?= 3G
ACCEL   ?= tcg
NATIVE  ?= n

help:
	@sed -n 's/^## \{0,1\}//p' Makefile
.PHONY: help

# ---- the variables: a bad value is refused, with the good ones -------------

# Of what is given on the command line each name has to occur somewhere; a misspelt one would be lost silently.
ifeq ($(MAKELEVEL),0)
given := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(filter-out -%,$(name))))
$(foreach name,$(given),$(if $(shell grep -d skip -lwe '$(name)' Makefile src/*/*.mk labs/*.mk labs/*/*.mk gdbscripts/*.mk \
	tests/unit/*.mk tools/* labs/grader/*.py gdbscripts/*/*.py),,\
	$(error nothing here knows a variable $(name): `make` alone lists them)))
endif

# All that is made goes below build/, which may be a link to somewhere else.
ifneq ($(filter-out help,$(MAKECMDGOALS)),)
$(if $(shell mkdir -p build 2>/dev/null && test -w build && echo y),,\
	$(error build/ cannot be written to: use a copy of this tree, or let build be a link to a folder of yours))
endif

# $(call one-of,NAME,good values)
one-of = $(if $(filter-out 1,$(words $($(1))))$(filter-out $(2),$($(1))),\
	$(error $(1)=$($(1)) is not known here: use $(1)= one of $(2)))
$(call one-of,STAGE,0 1 2 3 4 5 6 7)
$(call one-of,ARCH,x86_32 x86_64)
$(call one-of,PAE,y n)
$(call one-of,VMSPLIT,3G 2G 1G)
$(call one-of,ACCEL,tcg kvm)
$(call one-of,NATIVE,y n)

ifneq ($(SLOW),)
$(if $(shell echo '$(SLOW)' | grep -xE '[1-9][0-9]{0,2}'),,$(error SLOW=$(SLOW) is not a factor from 1 to 999))
endif

ifeq ($(ARCH),x86_64)
ifneq ($(PAE) $(VMSPLIT),y 3G)
$(error ARCH=x86_64 has one paging mode: leave PAE= and VMSPLIT= out, they are for ARCH=x86_32)
endif
endif

ifeq ($(NATIVE)$(filter 5 7,$(STAGE))$(IMAGE),y)
$(error NATIVE=y boots without Xen, and stage $(STAGE) cannot do without: use STAGE=5, or 7)
endif

# ---- the paging mode ------------------------------------------------------

# Everything made for one mode lies in one folder: build/x86_32, build/x86_32-2g, ...
mode-n  := -nopae
split-2G := -2g
split-1G := -1g
O := build/$(ARCH)$(mode-$(PAE))$(split-$(VMSPLIT))$(variant-load:%=-at-%)
# An image with one of the patch's errata is made of the same objects, but for a few:
# build/x86_32-erratum5/stage4.elf.
B := $(or $(lab-folder),$(O)$(ERRATUM:%=-erratum%))
$(if $(ERRATUM),$(call check-erratum,$(notdir $(O))))

offset-3G := 0xc0000000
offset-2G := 0x80000000
offset-1G := 0x40000000

ifeq ($(ARCH),x86_64)
mode-flags := -m64 -mno-red-zone -DCONFIG_X86_64
bits := 64
else
mode-flags := -m32 -march=i686 -DCONFIG_PAGE_OFFSET=$(offset-$(VMSPLIT))
mode-flags += $(if $(filter y,$(PAE)),-DCONFIG_X86_PAE)
bits := 32
endif

Q := $(if $(V),,@)

# ---- compiling --------------------------------------------------------------

# On a host that is no PC another compiler makes x86 code: Debian's cross compiler, unless CROSS_COMPILE= says otherwise.
# What scripts call by plain names (nm, objdump, gdb, ...) they find in build/cross.
ifeq ($(origin CROSS_COMPILE),undefined)
CROSS_COMPILE := $(if $(filter x86_64 i%86,$(shell uname -m)),,x86_64-linux-gnu-)
endif
export CROSS_COMPILE
ifneq ($(CROSS_COMPILE),)
export PATH := $(shell tools/cross '$(CROSS_COMPILE)'):$(PATH)
endif

CC := $(CROSS_COMPILE)gcc
LD := $(CROSS_COMPILE)ld

# CFLAGS= and LDFLAGS= of the reader's go behind those that are needed.
given-flags = $(if $(filter command,$(origin $(1))),$($(1)))
own-cflags := $(call given-flags,CFLAGS)
own-ldflags := $(call given-flags,LDFLAGS)

override LDFLAGS := $(if $(filter 64,$(bits)),-m elf_x86_64,-m elf_i386)
override CFLAGS := $(mode-flags) -std=gnu11 -Og -g -Wall -Wextra -Werror
# No operating system below, no library beside.
override CFLAGS += -ffreestanding -nostdlib -fno-stack-protector -fcf-protection=none
override CFLAGS += -mno-sse -mno-mmx -fno-asynchronous-unwind-tables
# Virtual address 0 is an ordinary page while the kernel runs P=V.
override CFLAGS += -fno-delete-null-pointer-checks
# The code runs at two addresses: it must be right at both (src/include/hidden.h).
# The last one keeps gas from hiding uses of the GOT from the linker script's ASSERT.
override CFLAGS += -fpie -include src/include/hidden.h -fno-jump-tables -Wa,-mrelax-relocations=no
override CFLAGS += -Isrc/include -D__XEN_INTERFACE_VERSION__=__XEN_LATEST_INTERFACE_VERSION__
# Linux's headers for boot loaders are the same for both widths; Debian has them in one's folder.
override CFLAGS += -idirafter /usr/include/x86_64-linux-gnu

# One segment that is read, written and executed: this is how early it is. Only some linkers have to be told.
override LDFLAGS += -z max-page-size=4096 -z noexecstack --build-id=none $(filter --no-warn-rwx-segments,$(shell $(LD) --help 2>/dev/null))

override CFLAGS += $(variant-load:%=-DLOAD_PHYSICAL_ADDR=%) $(own-cflags)
override LDFLAGS += $(own-ldflags)

# What was compiled or linked in another way is made again.
$(O)/flags: export FLAGS = $(CC) $(CFLAGS) / $(LD) $(LDFLAGS)
$(O)/flags: look-again
	@mkdir -p $(@D)
	@printf '%s\n' "$$FLAGS" | cmp -s - $@ || printf '%s\n' "$$FLAGS" >$@
.PHONY: look-again

$(O)/obj/%.o: src/%.c $(O)/flags | ready
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(WARN) -MMD -MP -c $< -o $@

# Xen's headers leave their C out when they see __ASSEMBLY__.
$(O)/obj/%.o: src/%.S $(O)/flags | ready
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(WARN) -D__ASSEMBLY__ -MMD -MP -c $< -o $@

$(O)/xen.lds: src/stage1-notes/xen.lds.S src/include/page.h $(O)/flags | ready
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -E -P -x assembler-with-cpp $< -o $@

-include $(wildcard $(O)/obj/*/*.d)

# ---- linking: stage n is all of stages 1 to n, but only its own early.c ------

# The objects of one folder, without early.o and without the other width's.
other-bits := $(if $(filter 64,$(bits)),32,64)
sources = $(filter-out %/early.c %.lds.S %_$(other-bits).S %_$(other-bits).c,\
	$(wildcard src/$(1)/*.c src/$(1)/*.S))
objects = $(patsubst src/%,$(O)/obj/%.o,$(basename $(call sources,$(1))))

stage1 := $(call objects,stage1-notes)
stage2 := $(stage1) $(call objects,stage2-hypercall)
stage3 := $(stage2) $(call objects,stage3-remap)
stage4 := $(stage3) $(call objects,stage4-start-kernel)
# Stage 5 has a head of its own, too.
stage5 := $(filter-out %/head_$(bits).o,$(stage4)) $(call objects,stage5-boot-protocol)
# Stage 0 stands apart: its own notes, stage 1's head, and what stage 2 prints with.
stage0 := $(call objects,stage0-classic) $(filter %/head_$(bits).o,$(stage1)) \
	$(call objects,stage2-hypercall)

stages := $(foreach n,0 1 2 3 4 5 6 7,$(B)/stage$(n).elf)

$(B)/stage0.elf: $(stage0) $(O)/obj/stage0-classic/early.o
$(B)/stage1.elf: $(stage1) $(O)/obj/stage1-notes/early.o
$(B)/stage2.elf: $(stage2) $(O)/obj/stage2-hypercall/early.o
$(B)/stage3.elf: $(stage3) $(O)/obj/stage3-remap/early.o
$(B)/stage4.elf: $(stage4) $(O)/obj/stage4-start-kernel/early.o
$(B)/stage5.elf: $(stage5) $(O)/obj/stage5-boot-protocol/early.o

$(B)/stage%.elf: $(O)/xen.lds $(erratum-objects) $(lab-objects)
	@mkdir -p $(@D)
	$(Q)$(in-sandbox) $(LD) $(LDFLAGS) $(erratum-flags) -T $(O)/xen.lds -o $@ \
		$(filter-out $(erratum-replaces) $(replaced-objects),$(filter %.o,$^))
# make would take these for temporary files, and remove them.
.SECONDARY: $(erratum-objects) $(lab-objects)

include src/stage5-boot-protocol/bzimage.mk src/stage6-toolstack/toolstack.mk src/stage7-pvh/pvh.mk

# ---- setting up -------------------------------------------------------------

# Before anything is compiled: the quick form of `make doctor`, silent if all is there.
ready:
	@tools/doctor --need run
.PHONY: ready

doctor:
	@tools/doctor

# A hypervisor of the reader's own (XEN=file) is used as it is. XEN=stock is Debian's
# binary, without 32-bit guests. Otherwise ours, built once.
hypervisor := $(if $(XEN),$(if $(filter stock,$(XEN)),build/xen-stock/xen),build/xen/xen)
export XEN_SRC
# A tree of the reader's own may not be the one that build/xen was made of: build-xen looks.
ifdef XEN_SRC
.PHONY: build/xen/xen
endif

build/xen/xen:
	@tools/doctor --need $(if $(XEN_SRC),xen,xen,debsrc)
	@tools/build-xen

build/xen-stock/xen:
	@tools/build-xen --stock

# A second one to test 64-bit kernels on, where there is apt to fetch it, and for this architecture.
stock := $(if $(CROSS_COMPILE),,$(if $(shell command -v apt-get),build/xen-stock/xen))

xen: build/xen/xen
.PHONY: doctor xen

# ---- running ------------------------------------------------------------------

given-xens := $(XEN)
# From here on XEN is a path, also if the reader's command line has it.
override XEN := $(or $(hypervisor),$(XEN))
export XEN ACCEL NATIVE CMDLINE MODULE MEM DOM0_MEM GDBINIT V SLOW

image := $(B)/stage$(STAGE).$(if $(filter 5,$(STAGE)),bzImage,elf)
below := $(if $(filter y,$(NATIVE)),,$(hypervisor))

# Stage 1 cannot say that it is well: Xen's register dump has to show it.
boot-flags := $(if $(filter 1,$(STAGE)),--proof-of-life)

ifdef IMAGE
run: ready $(below)
	@tools/boot --any '$(IMAGE)'
else
# The lock is for a second `make run` at the same time, which might link what this one compiles.
run: ready $(below)
	@mkdir -p $(O) && flock $(O)/.lock $(MAKE) --no-print-directory $(image)
	@tools/boot $(boot-flags) '$(image)'
endif
.PHONY: run

# What Xen will read, before it does.
notes: ready
	@tools/doctor --need notes
	@$(if $(IMAGE),,mkdir -p $(O) && flock $(O)/.lock $(MAKE) --no-print-directory $(image))
	@tools/notes '$(or $(IMAGE),$(image))'
.PHONY: notes

# ---- reading ------------------------------------------------------------------

folder-0 := stage0-classic
folder-1 := stage1-notes
folder-2 := stage2-hypercall
folder-3 := stage3-remap
folder-4 := stage4-start-kernel
folder-5 := stage5-boot-protocol
previous-2 := stage1-notes
previous-3 := stage2-hypercall
previous-4 := stage3-remap
previous-5 := stage4-start-kernel
folder-6 := stage6-toolstack
folder-7 := stage7-pvh

diff:
	@tools/stage-diff "$(folder-$(STAGE))" "$(previous-$(STAGE))"

# The book. `make check-doc` looks at each of its pages in a browser, and runs all that lessons say that commands print
# (`make check` leaves out what changes files, and what takes long); `make transcripts` writes that into them.
doc: ready $(hypervisor) $(stages)
	@tools/doctor --need doc,gdb,explore
	@tools/doc/build $(B)

pdf: doc
	@tools/doctor --need pdf
	@tools/doc/pdf

check-doc: pdf $(stock)
	@tools/doctor --need doctest,lab,gdb,explore
	@tests/doc/browse
	@tests/doc/paper
	@tools/doc/transcripts README.md lessons/*.md labs/lab*/README.md
	@tests/run tests/explore/page.bats

transcripts: $(hypervisor) $(stock)
	@tools/doc/transcripts --update README.md lessons/*.md labs/lab*/README.md
	@tools/doc/transcripts --made-with >lessons/made-with

# Writes the sources' code below the marks in the lessons, for those who read them on a code host.
snippets:
	@tools/doc/snippets --update lessons/[0-9]*.md
.PHONY: doc pdf check-doc transcripts snippets

include gdbscripts/gdb.mk tools/explore/explore.mk
include labs/rules.mk

# ---- testing ------------------------------------------------------------------

check: $(hypervisor) $(stock)
	@tools/doctor --need run,check,lab,gdb
	@tests/run

check-long: $(hypervisor) $(stock)
	@tools/doctor --need run,check,lab,gdb,explore,doctest
	@tests/run --long
.PHONY: check check-long

# All images of one mode; and all stages, modes and hypervisors in a table.
images: ready
	@mkdir -p $(O) && flock $(O)/.lock $(MAKE) --no-print-directory $(stages) $(B)/stage5.bzImage

# With XEN=a,b,c: on these, side by side.
matrix: $(if $(given-xens),$(if $(findstring stock,$(given-xens)),build/xen-stock/xen),build/xen/xen $(stock))
	@XENS='$(given-xens)' tools/matrix
.PHONY: images matrix

# The explainer: does it name the cause of each fault in a table?
check-explain: $(hypervisor) $(stock)
	@tools/doctor --need run,check,lab,gdb,explore
	@tools/python tests/explain/run.py
	@tests/run tests/explain/same.bats
.PHONY: check-explain

include tests/unit/unit.mk tests/xl/xl.mk

# The floor that the loop is measured against: the six notes, and a shutdown.
$(B)/floor.elf: tests/fixtures/floor.c $(O)/obj/stage1-notes/notes.o $(O)/xen.lds
	$(Q)$(CC) $(CFLAGS) -c $< -o $(O)/obj/floor.o
	$(Q)$(LD) $(LDFLAGS) -T $(O)/xen.lds -o $@ $(O)/obj/floor.o $(O)/obj/stage1-notes/notes.o

bench: $(hypervisor) $(B)/floor.elf $(stages)
	@tools/bench $(B)/floor.elf $(stages)
.PHONY: bench

clean:
	@mkdir -p build
	find build -mindepth 1 -maxdepth 1 ! -name 'xen*' -exec rm -rf {} +
.PHONY: diff clean
