# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # fault() sets image
#
# make record: what is written down of a boot is what happened in it.

load lib

setup_file() {
	make -s build/explore/recorder.so
	good_tree x86_32/stage2
	export stage3=$BATS_FILE_TMPDIR/stage3.json # looked at by two tests
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR json=$stage3 record build/x86_32/stage3.elf
}

# A recording, as $json; what tools/explore says is in $output. Transcripts go below the test's own folder.
record() { # IMAGE [option...]
	json=${json:-$BATS_TEST_TMPDIR/recording.json}
	BUILD=$BATS_TEST_TMPDIR run tools/python -m explore --json "${@:2}" "$1" "$json"
	ends 0 "$json"
}

# What a Python expression says of the recording r.
of_recording() { # expression, of another recording than $json
	tools/python - "${2-$json}" "$1" <<-'END'
		import json, sys
		with open(sys.argv[1], encoding="utf-8") as file:
		    r = json.load(file)
		print(eval(sys.argv[2]))
	END
}

@test "a recorded boot is that of make run: the same bytes on the console" {
	boot build/x86_32/stage4.elf
	ends 0 "succeeded"
	cp "$BATS_TEST_TMPDIR/stage4.log" "$BATS_TEST_TMPDIR/plain.log"
	record build/x86_32/stage4.elf
	cmp "$BATS_TEST_TMPDIR/stage4.log" "$BATS_TEST_TMPDIR/plain.log"
	of_recording 'r["console"][0]' | head -c -1 | cmp - "$BATS_TEST_TMPDIR/plain.log"
	# Behind the jump, too, there are registers: QEMU 10 tells the plugin another address of an instruction than its log.
	[ "$(of_recording 'sum(change is None for change in r["changes"])')" = 0 ]
}

@test "every step has its registers, and the first is the image's entry" {
	[ "$(of_recording 'sum(change is None for change in r["changes"])' "$stage3")" = 0 ]
	[ "$(of_recording 'hex(r["places"][r["steps"][0]][0])' "$stage3")" = 0x100000 ]
	# Loops are cut, and what is left out is counted.
	[ "$(of_recording 'len(r["steps"]) < 100000 < sum(count for _, count, _ in r["gaps"])' "$stage3")" = True ]
}

@test "the registers of ten steps, and the page tables at the end, are those that GDB sees" {
	run limit tools/python tests/explore/truth.py "$stage3" build/x86_32/stage3.elf "$BATS_TEST_TMPDIR"
	[[ $output =~ ^140\ registers ]]
	ends 0 ", 0 differences"
	[[ $output != *" 0 entries"* ]]
}

@test "a crash is explained as by make run" {
	fault x86_32/stage2 stage2-hypercall/early.c 's/xen_exit\(VERDICT_SUCCESS\);/*(volatile int *)0xd0000000 = 1;/'
	boot "$image"
	ends 3 "#PF writing VA 0xd0000000"
	printf '%s\n' "${lines[@]}" | sed -n '/^diagnosis/,$p' >"$BATS_TEST_TMPDIR/plain"
	record "$image"
	of_recording '"\n".join(r["end"]["said"])' | sed -n '/^diagnosis/,$p' | diff "$BATS_TEST_TMPDIR/plain" -
	[ "$(of_recording 'r["events"][-1]["kind"], r["events"][-1]["step"] == len(r["steps"]) - 1')" = "('crash', True)" ]
}

@test "there is no recording of a boot for which QEMU failed" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '%s\n' '#!/bin/sh' 'echo "something is not supported" >&2' 'exit 1' >"$BATS_TEST_TMPDIR/bin/qemu-system-x86_64"
	chmod +x "$BATS_TEST_TMPDIR/bin/qemu-system-x86_64"
	BUILD=$BATS_TEST_TMPDIR PATH=$BATS_TEST_TMPDIR/bin:$PATH run tools/python -m explore build/x86_32/stage4.elf "$BATS_TEST_TMPDIR/page.html"
	ends 1 "there was no boot"
	ends 1 "something is not supported"
	[ ! -e "$BATS_TEST_TMPDIR/page.html" ]
}

@test "every colour of the page can be read on every ground that it stands on" {
	tools/python tests/explore/contrast.py
}

# Whether the recording fits the schema; says where not.
fits_schema() {
	tools/python - "$json" <<-'END'
		import json, sys, jsonschema
		with open("tools/explore/recording.schema.json", encoding="utf-8") as file:
		    schema = json.load(file)
		with open(sys.argv[1], encoding="utf-8") as file:
		    recording = json.load(file)
		for error in jsonschema.Draft202012Validator(schema).iter_errors(recording):
		    sys.exit(f"{list(error.absolute_path)[:6]}: {error.message[:300]}")
	END
}

# bats test_tags=long
@test "a recording fits its schema, also that of a boot that crashes after six instructions" {
	record build/x86_64/stage4.elf
	fits_schema
	record build/x86_32/stage1.elf
	fits_schema
	sed -i 's/"cut":false/"cut":"no"/' "$json"
	run fits_schema
	ends 1 "is not of type 'boolean'"
}
