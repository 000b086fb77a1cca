# SPDX-License-Identifier: GPL-2.0-only
#
# make unit: the remap compiled for this machine, once for each paging mode; and of stage 6 what reads a stranger's bytes. Included
# by the Makefile.

# Memory, page tables and mmu_update are a model there: see tests/unit/machine.h.
unit-x86_32          := -DCONFIG_X86_PAE -DCONFIG_PAGE_OFFSET=$(offset-3G)
unit-x86_32-2g       := -DCONFIG_X86_PAE -DCONFIG_PAGE_OFFSET=$(offset-2G)
unit-x86_32-1g       := -DCONFIG_X86_PAE -DCONFIG_PAGE_OFFSET=$(offset-1G)
unit-x86_32-nopae    := -DCONFIG_PAGE_OFFSET=$(offset-3G)
unit-x86_32-nopae-2g := -DCONFIG_PAGE_OFFSET=$(offset-2G)
unit-x86_32-nopae-1g := -DCONFIG_PAGE_OFFSET=$(offset-1G)
unit-x86_64          := -DCONFIG_X86_64
unit-modes := x86_32 x86_32-2g x86_32-1g x86_32-nopae x86_32-nopae-2g x86_32-nopae-1g x86_64
unit-tests := $(unit-modes:%=build/unit/%)

# What a hostile guest, or a file that is none of ours, gets to.
hostile-sources := $(addprefix src/stage6-toolstack/,image.c notes.c files.c console.c store.c store-keys.c) src/stage4-start-kernel/store-ring.c \
	$(wildcard tests/unit/hostile/*.c)

# remap.c is missing here because remap-under-test.c includes it.
unit-sources := $(addprefix src/stage3-remap/,p2m.c walk.c limit.c) $(wildcard tests/unit/*.c)
unit-headers := src/stage3-remap/remap.c $(wildcard src/include/*.h tests/unit/*.h tests/unit/include/*.h)

unit-flags := -std=gnu11 -O0 -g -Wall -Wextra -Werror
unit-flags += -fsanitize=address,undefined -fno-sanitize-recover=all
# The order matters: a header of the tests stands in for the one of src.
remap-flags := $(addprefix -iquote ,tests/unit/include tests/unit src/include src/stage3-remap) -include tests/unit/include/guest-abi.h
hostile-flags := $(addprefix -iquote ,tests/unit/hostile/include tests/unit/hostile src/include) -DCONFIG_X86_64 -D__XEN_TOOLS__
unit-flags += -D__XEN_INTERFACE_VERSION__=__XEN_LATEST_INTERFACE_VERSION__

# UNIT_SEED=n: other random numbers.
unit: $(unit-tests) build/unit/hostile
	@for test in $^; do $$test || failed=1; done; [ -z "$$failed" ]
.PHONY: unit

$(unit-tests): build/unit/%: $(unit-sources) $(unit-headers)
	@tools/doctor --need check
	@mkdir -p $(@D)
	$(Q)$(if $(CROSS_COMPILE),/usr/bin/gcc,$(CC)) $(unit-flags) $(remap-flags) -DMODE='"$*"' $(unit-$*) $(unit-sources) -o $@ -lcmocka

build/unit/hostile: $(hostile-sources) $(wildcard src/include/*.h src/stage6-toolstack/*.h tests/unit/hostile/*.h)
	@tools/doctor --need check
	@mkdir -p $(@D)
	$(Q)$(if $(CROSS_COMPILE),/usr/bin/gcc,$(CC)) $(unit-flags) $(hostile-flags) $(hostile-sources) -o $@ -lcmocka
