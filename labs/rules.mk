# SPDX-License-Identifier: GPL-2.0-only
#
# The rules for labs: make lab, make grade, make hint. Included by the Makefile at its end; what LAB=n means is in labs.mk.

# Half-written code has things that are not used yet, and a warning is not a mistake yet.
reader-flags = $(filter-out -Werror,$(CFLAGS)) -Wno-unused-parameter -Wno-unused-function -Wno-unused-variable $(variant-flags)

# SANDBOX=y, for make grade-batch: the compiler sees the headers and the work folder, and writes beside the object.
sandbox = $(if $(SANDBOX),tools/sandbox -r src/include -r $(WORK) -r $< -w $(@D))

# $(call reader's-object,object without .o,the reader's file,file below src/). An older file may take the place of a
# newer one, such as a copy that was kept: what counts is the contents, so their sum is kept, too. The work folder of an
# earlier time may be gone: -MP says so of headers, the last line of the source. What the compiler says is kept.
define reader's-object
$(1).o: $(2) $(1).sum | ready
	$$(Q)$$(sandbox) $$(CC) $$(reader-flags) $(if $(filter %.S,$(2)),-D__ASSEMBLY__) -I$$(dir src/$(3)) -MD -MP -Wa,--MD,$(1).as.d -c $$< -o $$@ 2>$(1).log; \
		status=$$$$?; cat $(1).log >&2; exit $$$$status
	@echo '$(2):' >>$(1).d

$(1).sum: $(2) look-again
	@mkdir -p $$(@D)
	@cksum $$< | cmp -s - $$@ || cksum $$< >$$@
endef
.PHONY: look-again
$(foreach f,$(lab-files),$(eval $(call reader's-object,$(B)/obj/$(basename $f),$(WORK)/$(notdir $f),$f)))
$(foreach f,$(lab-adds),$(eval $(call reader's-object,$(B)/obj/$f,labs/lab$(LAB)/$f.S,stage3-remap/$f.S)))
-include $(wildcard $(lab-objects:.o=.d))

# A rule for whatever has no other is a rule for the compiler's lists of headers, too, if WORK is a folder of src/: they have none.
%.d: ;
ifdef LAB
$(WORK)/%:
	@echo "$@ is not there: make lab LAB=$(LAB) makes a work copy" >&2; exit 1
endif

lab: need-lab ready
	@OUT='$(OUT)' VARIANT='$(VARIANT)' CARRIES='$(lab-carries)' tools/lab copy $(LAB) '$(WORK)' '$(lab-blanks)' $(lab-files)
	@mkdir -p $(O) && flock $(O)/.lock $(MAKE) -s $(stage$(STAGE))

# A report with fewer points is no error of make's: at a terminal its line about one would only be in the way.
grade: need-lab $(hypervisor)
	@tools/doctor --need run,lab
	@tools/python -m grader $(LAB) || { status=$$?; [ $$status = 1 ] && [ -t 1 ] || exit $$status; }

hint: need-lab
	@tools/lab hint '$(LAB)' '$(WORK)' '$(OUT)' '$(TASK)'

answers: need-lab
	@tools/lab answers '$(LAB)' '$(OUT)'
.PHONY: answers

# A course: a folder a student in SUBMISSIONS (labs/grader/batch.py).
grade-batch: $(hypervisor)
	@tools/doctor --need run,lab,batch
	@VARIANT='$(VARIANT)' RESULTS='$(RESULTS)' SANDBOX='$(SANDBOX)' FORCE='$(FORCE)' tools/python -m grader.batch '$(SUBMISSIONS)' $(LAB)
.PHONY: grade-batch

# The grader of a lab, packed for a course's service (labs/grader/bundle.py).
gradescope classroom50: need-lab $(hypervisor)
	@tools/doctor --need run,lab
	@VARIANT='$(VARIANT)' tools/python -m grader.bundle $@ $(LAB) build/$@-lab$(LAB).zip
.PHONY: gradescope classroom50

# All wrong answers, and each lab untouched and solved: some minutes.
check-labs: ready $(hypervisor)
	@tools/doctor --need check,lab
	@tools/python -m grader.corpus; corpus=$$?; tests/run tests/labs/*.bats && exit $$corpus

# For the grader: makes the image, and says where it is.
lab-image: $(image)
	@echo $(image)

# What only one lab has.
-include $(wildcard labs/lab$(LAB)/rules.mk)

need-lab:
	@[ -n '$(LAB)' ] || { echo "which lab? LAB=n, one of $(labs)" >&2; exit 1; }
.PHONY: lab grade hint check-labs lab-image need-lab
