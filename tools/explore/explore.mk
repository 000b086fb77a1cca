# SPDX-License-Identifier: GPL-2.0-only
#
# A boot, recorded: make explore, make record. Included by the Makefile.

# Built for QEMU, which loads it, and so for the machine that QEMU runs on.
HOSTCC := gcc
recorder := build/explore/recorder.so

recorder-sources := $(wildcard tools/explore/recorder/*.c)

$(recorder): $(recorder-sources) $(wildcard tools/explore/recorder/*.h) | ready
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) -std=gnu11 -O2 -g -Wall -Wextra -Werror -fPIC -fvisibility=hidden -shared -o $@ $(recorder-sources)

# A stage's recording lies beside its image, that of any other image in build/.
explored := $(or $(IMAGE),$(image))
recording := $(if $(IMAGE),build/$(basename $(notdir $(IMAGE))),$(basename $(image)))
recorded-of := $(if $(IMAGE),$(notdir $(IMAGE)),$(LAB:%=lab %: )stage $(STAGE)$(ERRATUM:%= with erratum %)$(BUG:%= with bug %), $(notdir $(O)))
# AT=at=start_kernel, AT=line=remap.c:40, AT=event=mmu_update,2: at which moment the page opens.
record-options := $(AT:%=--at '%') --symbols '$(explored:.bzImage=.elf)' --title '$(recorded-of)' \
	--flag=$(if $(IMAGE),--any,$(boot-flags))

explore record: ready $(below) $(recorder)
	@tools/doctor --need explore
	@$(if $(IMAGE),,mkdir -p $(O) && flock $(O)/.lock $(MAKE) --no-print-directory $(image))
	@tools/python -m explore $(if $(filter record,$@),--json) $(record-options) '$(explored)' \
		'$(recording).$(if $(filter record,$@),recording.json,html)'

# For tools/doc/recordings: builds the image, and names it.
explored: ready
	@mkdir -p $(O) && flock $(O)/.lock $(MAKE) -s --no-print-directory $(image)
	@echo '$(explored)'
.PHONY: explore record explored
