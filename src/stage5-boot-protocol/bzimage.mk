# SPDX-License-Identifier: GPL-2.0-only
#
# Stage 5's file is a bzImage: setup, an unpacker, and the kernel packed. Included by the Makefile.

# What runs before the kernel does so in 16 and 32 bits, in every mode.
unpacker-flags := -m32 -march=i686 $(filter-out $(mode-flags),$(CFLAGS))
unpacker := $(patsubst src/%,$(O)/unpacker/%.o,$(basename \
	$(filter-out %/payload.S,$(wildcard src/stage5-boot-protocol/boot/*.[cS])) \
	$(addprefix src/stage2-hypercall/,exit-native.c exit-verdict.c serial.c string.c)))

$(O)/unpacker/%.o: src/%.c $(O)/flags | ready
	@mkdir -p $(@D)
	$(Q)$(CC) $(unpacker-flags) $(WARN) -MMD -MP -c $< -o $@

$(O)/unpacker/%.o: src/%.S $(O)/flags | ready
	@mkdir -p $(@D)
	$(Q)$(CC) $(unpacker-flags) -D__ASSEMBLY__ -MMD -MP -c $< -o $@

-include $(wildcard $(O)/unpacker/*/*.d $(O)/unpacker/*/*/*.d)

# The kernel without its symbols, and gzip without a time stamp: as Linux packs its vmlinux.
$(B)/stage5.gz: $(B)/stage5.elf src/stage5-boot-protocol/bzimage.mk
	$(Q)$(in-sandbox) $(CROSS_COMPILE)objcopy --strip-all $< $(@:.gz=.stripped)
	$(Q)gzip -n -9 <$(@:.gz=.stripped) >$@

$(B)/stage5.payload.o: src/stage5-boot-protocol/boot/payload.S $(B)/stage5.gz
	$(Q)$(CC) $(unpacker-flags) -D__ASSEMBLY__ -DPAYLOAD='"$(B)/stage5.gz"' -c $< -o $@

# stage5.unpacker has the symbols of what runs before the kernel; stage5.elf those of the kernel.
$(B)/stage5.bzImage: src/stage5-boot-protocol/boot/bzimage.lds $(unpacker) $(B)/stage5.payload.o
	$(Q)$(LD) $(filter-out -m elf_%,$(LDFLAGS)) -m elf_i386 -T $< -o $(@:.bzImage=.unpacker) $(filter %.o,$^)
	$(Q)$(CROSS_COMPILE)objcopy -O binary $(@:.bzImage=.unpacker) $@
