# SPDX-License-Identifier: GPL-2.0-only
# What lab 1 boots, and the files that are the reader's.
STAGE ?= 1
lab-files := stage1-notes/notes.S
lab-blanks := notes

# make run LAB=1 WITHOUT=LOADER: the reader's notes without one, or without GUEST_OS+LOADER, or without all.
ifdef WITHOUT
written := $(or $(WORK),work/lab1)
override WORK := build/lab1/without-$(WITHOUT)
override OUT := $(WORK)
$(WORK)/notes.S: $(written)/notes.S
	@mkdir -p $(@D)
	@sed -E '/XEN_ELFNOTE_($(if $(filter all,$(WITHOUT)),.*,$(subst +,|,$(WITHOUT))))\b/d' $< >$@
	@! cmp -s $< $@ || { echo "$< has no note $(WITHOUT)" >&2; rm $@; exit 1; }
endif
