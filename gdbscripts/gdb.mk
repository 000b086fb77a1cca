# SPDX-License-Identifier: GPL-2.0-only
#
# Looking at a boot from outside: make gdb, make rewind, make pagetables; make check-gdb. Included by the Makefile.

# A bzImage has no symbols; the kernel that was packed in it may have, and may lie beside it. SYMBOLS= names another.
gdb-image := $(or $(IMAGE),$(image))
# (A path of the reader's may have spaces, which make would take for its ends.)
beside-image = $(shell f='$(IMAGE)'; f="$${f%.bzImage}"; [ "$$f" = '$(IMAGE)' ] || f="$$f.elf"; [ ! -e "$$f" ] || echo "$$f")
gdb-symbols = $(or $(SYMBOLS),$(if $(IMAGE),$(beside-image),$(image:.bzImage=.elf)),$(IMAGE))

# Builds what is to be looked at, the way `make run` does.
gdb-ready: ready $(below)
	@tools/doctor --need gdb
	@$(if $(IMAGE),,mkdir -p $(O) && flock $(O)/.lock $(MAKE) --no-print-directory $(image))
.PHONY: gdb-ready

gdb: gdb-ready
	@SYMBOLS='$(gdb-symbols)' tools/gdb '$(gdb-image)' $(GDB_OPTIONS)

# The same, at the end of the boot; `xen back` leads into it, `xen restart entry` to its beginning.
rewind: gdb-ready
	@SYMBOLS='$(gdb-symbols)' tools/gdb '$(gdb-image)' -ex 'xen end' $(GDB_OPTIONS)

# The machine alone, for a GDB of the reader's own, or an editor's: at build/gdbserver/stub.
gdbserver: gdb-ready
	@echo "gdbserver: $(gdb-image)"
	@FOLDER=build/gdbserver SYMBOLS='$(gdb-symbols)' tools/gdb '$(gdb-image)' -batch -ex 'xen serve'

vscode:
	@tools/vscode $(STAGE) '$(gdb-symbols)'

compile_commands:
	@tools/compile-commands
.PHONY: gdb rewind gdbserver vscode compile_commands

gdb-tables = $(B)/$(shell basename '$(basename $(gdb-image))' | tr ' ' _)$(if $(filter y,$(NATIVE)),-native).pagetables

pagetables: gdb-ready
	@SYMBOLS='$(gdb-symbols)' tools/pagetables '$(gdb-image)' '$(gdb-tables)'
.PHONY: pagetables

# A guest that is not ours. Where there is no apt to fetch it, or one for another architecture, check-gdb does without.
build/linux/vmlinuz:
	@tools/get-linux build/linux

linux: build/linux/vmlinuz
.PHONY: linux

check-gdb: $(hypervisor) $(if $(stock),build/linux/vmlinuz)
	@tools/doctor --need run,check,gdb
	@tests/run tests/gdb.bats tests/gdb/all.bats
.PHONY: check-gdb
