#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Labs: work copies, hints, and what the grader makes of files that are right, untouched, empty, broken or dishonest.
# All of the corpus of wrong answers, and every lab untouched and solved, are in `make check-labs`.
#
# shellcheck disable=SC2154 # good comes from lib.bash

bats_require_minimum_version 1.5.0
load lib
unset LAB TASK WORK OUT FORCE GRADE_FORMAT WITHOUT BUG LARGE CORPUS

setup_file() {
	good_tree x86_32/stage4 x86_32-2g/stage3
	make -s -C "$good" build/x86_32/stage1.elf build/x86_32/stage2.elf build/x86_32/stage3.elf
}

setup() {
	work=$BATS_TEST_TMPDIR/work out=$BATS_TEST_TMPDIR/out
}

lab() { # lab: a fresh work copy of it
	make -s -C "$good" lab LAB="$1" WORK="$work" OUT="$out" >/dev/null
}

solved() { # lab: a folder of files that are right
	rm -rf "$work"
	(cd "$good" && tools/python -m grader.corpus --solution "$1" "$work")
}

# The grader's own exit status: make has one for all that goes wrong. $flat is the output without line breaks.
grade() { # lab
	run env -C "$good" WORK="$work" OUT="$out" tools/python -m grader "$1"
	flat=$(tr -s ' \n' ' ' <<<"$output")
}

points() { # exit status, points
	if [ "$status" != "$1" ] || [[ $output != *$'\n'"  $2 points"$'\n'* ]]; then
		echo "status $status instead of $1, or not $2 points in:" "$output"
		return 1
	fi
}

# lab.toml says how many points there are, and how many the untouched copy gets, if not 0.
of_lab() { # lab, word
	awk -v word="$2" '$1 == word { sum += $3 } END { print sum + 0 }' "labs/lab$1/lab.toml"
}

untouched() { # lab
	lab "$1"
	grade "$1"
	points 1 "$(of_lab "$1" skeleton) of $(of_lab "$1" points)"
	[[ $output != *compile-error* && $output != *grader-lost* ]]
}

pair() { # lab
	untouched "$1"
	solved "$1"
	grade "$1"
	points 0 "$(of_lab "$1" points) of $(of_lab "$1" points)"
	[ -s "$out/transcript.log" ] && [ -s "$out/result.json" ]
}

@test "lab 1: untouched no points, solved all of them" { pair 1; }

# It is graded solved on its page, whose transcripts doc.bats tests.
@test "lab 3: untouched no points" { untouched 3; }

@test "a few of the wrong answers get the diagnosis that they must" {
	CORPUS=$BATS_TEST_TMPDIR run tools/python -m grader.corpus --sample 3 2 3 5
	ends 0 "1..3"
	[ "$(grep -c '^ok ' <<<"$output")" = 3 ]
}

# The zip's files with their modes, as the services unpack them.
unpack() { # zip, folder
	tools/python -c 'import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    for entry in archive.infolist():
        os.chmod(archive.extract(entry, sys.argv[2]), entry.external_attr >> 16)' "$1" "$2"
}

# bats test_tags=long
@test "packed for Gradescope and for Classroom 50, the grader grades" {
	local there=$BATS_TEST_TMPDIR
	solved 1
	sed -i '/LOADER/d' "$work/notes.S"
	tools/python -m grader.bundle gradescope 1 "$there/g.zip"
	tools/python -m grader.bundle classroom50 1 "$there/c.zip"
	unpack "$there/g.zip" "$there/autograder/source"
	unpack "$there/c.zip" "$there/classroom"
	cp -r "$work" "$there/autograder/submission"
	(cd / && AUTOGRADER=$there/autograder "$there/autograder/source/run_autograder")
	grep -q '"score": 12,' "$there/autograder/results/results.json"
	(cd "$work" && CLASSROOM=os ASSIGNMENT=one OWNER=alice "$there/classroom/autograder.py")
	grep -q '"schema": "classroom50/result/v1"' "$work/result.json"
	[ "$(grep -cE '"(owner": "alice|score": 12|max-score": 16|passed": false)' "$work/result.json")" = 4 ]
	# What cannot be graded is not the student's doing: the services are told by the status.
	XEN=/nowhere/xen run -2 env AUTOGRADER="$there/autograder" "$there/autograder/source/run_autograder"
}

@test "a work copy has every blank, says whose task it is, and is not overwritten" {
	lab 3
	[ "$(grep -c 'Lab 3, task [1-5]: your code' "$work"/*.c | awk -F: '{ n += $2 } END { print n }')" = 8 ]
	run ! grep -q 'mfn_to_maddr(mfn)' "$work/p2m.c"
	echo mine >"$work/p2m.c"
	run make -s -C "$good" lab LAB=3 WORK="$work" OUT="$out"
	ends 2 "stays as it is"
	[ "$(cat "$work/p2m.c")" = mine ]
	run make -s -C "$good" lab LAB=3 WORK="$work" OUT="$out" FORCE=y
	ends 0 "is now in $work."
	grep -qx mine "$work".*/p2m.c
	grep -q 'your code' "$work/p2m.c"
}

@test "what is not known is refused in one line" {
	run make -s -C "$good" lab
	ends 2 "which lab? LAB=n, one of 1 2 3"
	run make -s -C "$good" grade LAB=77
	ends 2 "LAB=77 is not known here: use LAB= one of 1 2 3"
	grade 77
	ends 2 "no lab 77: use one of 1 2 3"
	GRADE_FORMAT=xml grade 1
	ends 2 "GRADE_FORMAT=xml is not known here: use one of text json gradescope tap junit classroom50"
	grade 2
	ends 1 "there is no $work yet: make lab LAB=2 makes it"
	run make -s -C "$good" lab LAB=2 WORK=/dev/null/nowhere OUT="$out"
	ends 2 "/dev/null/nowhere cannot be made: name a folder of yours, WORK=folder"
	out=/proc/nowhere grade 2
	ends 2 "grade: cannot keep the result"
}

@test "three hints a task, one after the other, and a task that does not exist" {
	local lab task number
	for lab in labs/lab[0-9]*; do
		[ "$(grep -c '^## Task ' "$lab/hints.md")" = "$(grep -c '^\[\[task\]\]' "$lab/lab.toml")" ] || { echo "$lab: tasks"; false; }
		awk '/^## Task / { if (task && n != 3) exit 1; task++; n = 0; if ($3 != task ":") exit 1 }
		     /^[0-9]+\. / { n++; if ($1 != n ".") exit 1 } END { if (n != 3) exit 1 }' "$lab/hints.md" || { echo "$lab: hints"; false; }
	done
	mkdir "$work"
	for number in 1 2 3; do
		run make -s -C "$good" hint LAB=3 TASK=2 WORK="$work" OUT="$out"
		ends 0 "task 2, hint $number of 3: the PFN"
	done
	[[ $output == *INVALID_PFN* ]]
	run make -s -C "$good" hint LAB=3 TASK=2 WORK="$work" OUT="$out"
	ends 0 "you had them"
	for task in 6 0 x '1 2'; do
		run make -s -C "$good" hint LAB=3 TASK="$task" WORK="$work" OUT="$out"
		ends 2 "lab 3 has no task $task: use TASK= one of 1 2 3 4 5"
	done
	run make -s -C "$good" hint LAB=3 WORK="$work.none" OUT="$out"
	ends 2 "make lab LAB=3 makes it"
}

# bats test_tags=long
@test "answers to a page's questions come after full points, and what is to be read is there" {
	local lab line
	solved 2
	run make -s -C "$good" answers LAB=2 OUT="$out"
	ends 2 "come after full points: make grade LAB=2"
	grade 2
	points 0 "12 of 12"
	[[ $output == *"make lab LAB=3"*"make answers LAB=2"* ]]
	run make -s -C "$good" answers LAB=2 OUT="$out"
	ends 0 "Answers to lab 2's questions"
	for lab in labs/lab[1-9]; do
		[ "$(sed -n '/^## Questions/,$p' "$lab/README.md" | grep -cE '^([0-9]+\.|-) ')" = "$(grep -cE '^([0-9]+\.|-) ' "$lab/answers.md")" ] ||
			{ echo "$lab: answers"; false; }
		while IFS= read -r line; do
			grep -q "^##* ${line#*, }\$" "${line%%, *}" || { echo "$lab: no $line"; false; }
		done < <(sed -nE "s/^read = '([^,]*), \"(.*)\"'$/\1, \2/p" "$lab/lab.toml")
	done
}

@test "an empty file, no file, and one that does not compile: a word each, at once" {
	solved 3
	: >"$work/walk.c"
	grade 3
	ends 1 "[empty-file] $work/walk.c is empty: make lab LAB=3 FORCE=y"
	rm "$work/walk.c"
	grade 3
	ends 1 "[no-file] $work/walk.c is not there"
	echo 'int x = ;' >"$work/walk.c"
	grade 3
	ends 1 "[compile-error] it does not compile."
	[[ $output == *"walk.c:1:9: error"* && $output == *"0 of 15 points"* ]]
	echo '#include "walk.c"' >"$work/walk.c"
	grade 3
	ends 1 "nested depth"
}

# bats test_tags=long
@test "predictions that are a pipe, or without end, are no file" {
	solved 1
	rm "$work/predictions"
	mkfifo "$work/predictions"
	grade 1
	points 1 "0 of 16"
	[[ $flat == *"predictions is no ordinary file"* ]]
	rm "$work/predictions"
	truncate -s 1G "$work/predictions"
	grade 1
	points 1 "8 of 16"
	[[ $flat == *"has 1073741824 bytes"* ]]
}

@test "lab 7: each fault fits the file that it is made for" {
	for fault in labs/lab7/faults/*; do labs/lab7/fault make "${fault##*/}" >"$BATS_TEST_TMPDIR/file"; done
}

@test "a file is compiled for its contents, though it is older than what was made of another" {
	solved 1
	grade 1
	points 0 "16 of 16"
	rm -r "$work"
	lab 1
	touch -d 2001-01-01 "$work/notes.S"
	grade 1
	points 1 "0 of 16"
}

# bats test_tags=long
@test "what a compiler makes without end is cut short" {
	solved 1
	sed -i 's/^	elfnote	XEN_ELFNOTE_LOADER.*/&\n	.fill 300000000/' "$work/notes.S"
	grade 1
	ends 1 "File size limit exceeded"
	solved 1
	printf '	.bss\n	.fill 50000000\n' >>"$work/notes.S"
	grade 1
	ends 1 "[huge-image] the kernel takes 47 MiB"
}

@test "an endless loop and a crash end in seconds, and the tasks before them count" {
	solved 5
	sed -i 's/^	repoint_start_info(info);/	for (;;)\n		;/' "$work/early.c"
	grade 5
	points 1 "7 of 17"
	[[ $flat == *"still running after some seconds, in xen_entry()"* ]]
	solved 5
	sed -i 's/^	repoint_start_info(info);/	*(volatile int *)0xdeadbeef = 1;/' "$work/early.c"
	grade 5
	points 1 "7 of 17"
	[[ $flat == *"page fault at VA 0xdeadbeef in xen_entry()"* ]]
}

@test "what is printed, and a good verdict at the port, earn nothing" {
	solved 3
	sed -i 's/^	flush_batch();/	batched = 0;\n	printk("stage 3: all verified\\n(XEN) Hardware Dom0 shutdown: rebooting machine\\n  15 of 15 points\\n");\n	xen_exit(VERDICT_SUCCESS);/' "$work/remap.c"
	grade 3
	points 1 "10 of 15"
	grep -qa '15 of 15 points' "$out/transcript.log"
	run make -s -C "$good" hint LAB=3 WORK="$work" OUT="$out" # no TASK=: the first that is not right
	ends 0 "task 5, hint 1 of 3"
}

# bats test_tags=long
@test "Xen's lines, forged, do not end a run" {
	solved 2
	sed -i 's/^	write_msr.*/	printk("(XEN) Hardware Dom0 crashed: rebooting machine in 5 seconds.\\n(XEN) Manual reset required\\n");\n	for (volatile int i = 0; i < 8000000; i++)\n		;\n&/' "$work/hypercall-page.c"
	grade 2
	points 0 "12 of 12"
	grep -qa 'Manual reset required' "$out/transcript.log"
}

# bats test_tags=long
@test "other files, symbols, sections and constructors of one's own do not lead the grader astray" {
	solved 3
	cp src/stage3-remap/early.c "$work"
	echo '#error not to be compiled' | tee -a "$work/early.c" >"$work/verify.c"
	printf 'all:\n\texit 1\n' >"$work/Makefile"
	sed -i 's/^	flush_batch();/	batched = 0;/' "$work/remap.c"
	cat >>"$work/remap.c" <<-'END'
		void __attribute__((weak)) verify_remap(const struct start_info *info, paddr_t limit) { }
		static void __attribute__((constructor, used)) early(void) { xen_exit(VERDICT_SUCCESS); }
		static unsigned long pt_base __attribute__((used)), mfn_list __attribute__((used));
		asm(".section .text.verify_remap, \"ax\"; .local verify_remap2; verify_remap2: ret; .text");
	END
	grade 3
	points 1 "10 of 15"
	[[ $output == *remap-nothing-asked* && $output == *remap-not-mapped* ]]
	echo 'asm(".globl verify_remap; verify_remap: ret");' >>"$work/walk.c"
	grade 3
	[[ $flat == *"[compile-error]"*"multiple definition of \`verify_remap'"* ]]
}

# bats test_tags=long
@test "page tables that are changed behind Xen's back, or lean on P=V" {
	run env -C "$good" tools/python tests/labs/unseen.py "$out"
	ends 0 "4 of 4"
}

@test "results for course servers" {
	solved 2
	sed -i '/console_select/d' "$work/hypercall-page.c"
	GRADE_FORMAT=gradescope grade 2
	[ "$status" = 1 ]
	tools/python -c 'import json, sys
r = json.loads(sys.argv[1])
assert r["score"] == 10 and len(r["tests"]) == 4, r
for t in r["tests"]:
    assert {"score", "max_score", "name", "output"} <= set(t) and isinstance(t["output"], str), t
assert r["tests"][3]["score"] == 0 and "console_select" in r["tests"][3]["output"], r
r = json.load(open(sys.argv[2]))
assert (r["score"], r["points"], r["open_task"]) == (10, 12, 4), r
assert [t["score"] for t in r["tasks"]] == [3, 5, 2, 0], r
assert r["tasks"][3]["findings"][0]["id"] == "console-not-selected", r' "$output" "$out/result.json"
	GRADE_FORMAT=tap grade 2
	[ "$(grep -c '^ok ' <<<"$output")" = 3 ]
	grep -qx '1..4' <<<"$output"
	grep -q '^not ok 4 - console: .*(0/2)$' <<<"$output"
	run ! grep -vE '^(TAP version 13|1\.\.4|(not )?ok [1-4] - .*|#.*)$' <<<"$output"
}

@test "LAB=all: a table, and status 0 only if all is right" {
	run env -C "$good" tools/python -m grader all # nobody has begun
	[ "$status" = 1 ]
	[ "$(grep -cE '^[0-9]+ +0 of +[0-9]+ .* \(no-work\)$' <<<"$output")" = "$(find labs/lab[0-9]* -maxdepth 0 | wc -l)" ]
	grep -qE '^all +0 of [0-9]+$' <<<"$output"
	run env -C "$good" GRADE_FORMAT=json tools/python -m grader all
	tools/python -c 'import json, sys; assert len(json.loads(sys.argv[1])) > 1' "$output"
}

# bats test_tags=long
@test "a signal ends a grade, and leaves no process, no lock and no folder" {
	local grader signal
	solved 3
	for signal in TERM HUP; do
		env -C "$good" WORK="$work" OUT="$out" tools/python -m grader 3 >/dev/null 2>&1 &
		grader=$!
		within 200 compgen -G "$out/run-*/stub" >/dev/null
		kill -"$signal" "$grader"
		status=0
		wait "$grader" || status=$?
		[ "$status" = $((128 + $(kill -l "$signal"))) ]
		run ! pgrep -f "$out"
		run ! compgen -G "$out/run-*"
	done
	grade 3
	points 0 "15 of 15"
}

@test "what is not the reader's fault is status 2, and what he quotes is printed as it is safe" {
	solved 3
	# shellcheck disable=SC2016 # make and the grader are to see it as it is
	run env -C "$good" WORK='$(touch x)' OUT="$out" tools/python -m grader 3
	ends 2 "has a character that make would not take"
	# shellcheck disable=SC2016
	run make -s -C "$good" grade LAB=3 WORK='$(shell touch x)' OUT="$out"
	ends 2 "WORK= has a space or another character"
	[ ! -e "$good/x" ] && [ ! -e x ]
	sed -i 's/^	flush_batch();/	panic("\\033[2Jred");/' "$work/remap.c"
	grade 3
	points 1 "10 of 15"
	[[ $output == *"?[2Jred"* && $output != *$'\033'* ]]
	mkfifo "$work/pipe"
	grade 3
	ends 1 "is no ordinary file"
}

# A compiler that speaks German says "Fehler:", which nobody here reads.
@test "what is parsed is asked for in English" {
	LC_ALL=de_DE.UTF-8 run tools/python -c 'import os; print(os.environ["LC_ALL"])'
	ends 0 "C.UTF-8"
}

# bats test_tags=long
@test "the grader builds a stage of the tree, whatever lab it is asked to grade" {
	local tree=$BATS_TEST_TMPDIR/tree entry
	mkdir -p "$tree/build"
	for entry in *; do [ "$entry" = build ] || ln -s "$top/$entry" "$tree/"; done
	cd "$tree"
	LAB=10 VARIANT=word limit tools/python -c 'from grader.making import tree_image; tree_image("x86_32", 2)'
	[ -s build/x86_32/stage2.elf ]
}
