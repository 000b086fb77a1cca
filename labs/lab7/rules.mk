# SPDX-License-Identifier: GPL-2.0-only
# The rules for lab 7's kernels; included by labs/rules.mk.

lab: lab-bugs

lab-bugs: ready
	@for bug in $(bugs); do $(MAKE) -s --no-print-directory lab-image LAB=7 BUG=$$bug >/dev/null || exit 1; done
.PHONY: lab-bugs

run gdb-ready explore record lab-image: $(OUT)/module
$(OUT)/module:
	@mkdir -p $(@D)
	@seq 500000 >$@

# The compiler is told that what it reads is the file in src/, so that this is what GDB shows.
ifdef BUG
bug-file := src/$(lastword $(fault))
$(B)/fault.o: labs/lab7/faults/$(fault-number) $(bug-file) $(wildcard src/include/*.h) | ready
	@mkdir -p $(@D)
	@bash -c 'set -o pipefail; labs/lab7/fault make $(fault-number) | $(CC) $(CFLAGS) -E -x c - | sed "s,\"<stdin>\",\"$(bug-file)\"," | \
		$(CC) $(CFLAGS) -x cpp-output -c - -o $@'
endif
