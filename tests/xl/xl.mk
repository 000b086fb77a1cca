# SPDX-License-Identifier: GPL-2.0-only
#
# make check-xl: a real toolstack, xl on a Linux dom0, builds the stages. Included by the Makefile.

$(O)/obj/entry-state.o: tests/xl/entry-state.c | ready
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -c $< -o $@

$(B)/entry-state.elf: $(O)/obj/entry-state.o $(stage3) $(O)/xen.lds
	$(Q)$(LD) $(LDFLAGS) -T $(O)/xen.lds -o $@ $(filter %.o,$^)

check-xl: $(hypervisor)
	@tools/doctor --need run,check
	@tests/run tests/xl/xl.bats
.PHONY: check-xl
