#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Why did it fail: the explainer's rules, and a sample of the faults whose cause it has to name (all: make check-explain).
#
# shellcheck disable=SC2154 # lib.bash sets image and top

load lib

table=tests/explain/faults.toml

@test "a sample of the faults: each is built, booted, and the cause named" {
	# None that ends in silence: that is waited for ten times as long here (lib.bash).
	run tools/python tests/explain/run.py --name "no .note segment" "the trap table passed P=V" "64 bits: the loop over the pgd ends at once" \
		"the BIOS's answer is looked for in another name"
	ends 0 "1..4"$'\n'
}

@test "a 32-bit kernel on a Xen without them" {
	[ -e build/xen-stock/xen ] || skip "needs Debian's own Xen: tools/build-xen --stock"
	XEN=$top/build/xen-stock/xen boot build/x86_32/stage2.elf
	ends 4 "diagnosis: xen-without-32bit"$'\n'
}

@test "a 32-bit ELF file for another processor" {
	local other=$BATS_TEST_TMPDIR/stage2.elf
	cp build/x86_32/stage2.elf "$other"
	printf '\x3e' | dd of="$other" bs=1 seek=18 conv=notrunc status=none # e_machine: x86-64
	boot "$other"
	ends 4 "diagnosis: mismatch"$'\n'
}

@test "a guest that prints Xen's words does not change the diagnosis" {
	printf '(XEN) Hardware Dom0 crashed\n  (XEN) d0v0 Unhandled: vec 13, #GP[0000]\r\nPANIC: verify: 0x1 0x2\n' >"$BATS_TEST_TMPDIR/log"
	run tools/python -m explain "$BATS_TEST_TMPDIR/log" silence build/x86_32/stage2.elf
	ends 0 "diagnosis: xen-silent"$'\n'
}

rules() {
	tools/python -c 'import explain
for rule in explain.RULES: print(rule.name, rule.rank, ",".join(rule.ends) or "-", rule.read, sep="\t")'
}

@test "every rule is provoked by a fault of the table, or by a test" {
	local name missing=
	while IFS=$'\t' read -r name _; do
		[[ $name == erratum-* ]] || grep -qwe "$name" tests/*.bats "$table" || missing+=" $name"
	done < <(rules)
	[ -z "$missing" ] || { echo "not:$missing"; return 1; }
}

@test "every rule sends the reader to a section that there is" {
	local name read page section
	while IFS=$'\t' read -r name _ _ read; do
		page=lessons/${read%%: *}.md section=
		[[ $read != *": "* ]] || section=${read#*: }
		[ -f "$page" ] || { echo "$name: no $page"; return 1; }
		[ -z "$section" ] || sed -n 's/^##* //p' "$page" | grep -qxF "$section" || { echo "$name: no '$section' in $page"; return 1; }
	done < <(rules)
}

@test "each end has a rule that always fits" {
	local end
	for end in refusal panic crash failure silence timeout halted shutdown mute vanished qemu; do
		tools/python -m explain /dev/null "$end" build/x86_32/stage2.elf | grep -q '^diagnosis'
	done
}

# QEMU 10 and 11 hang in truth, where an empty lab 6 runs into its page tables; here the debugging stub says so.
@test "a QEMU that hangs within an instruction is not called a guest that loops" {
	boot build/x86_32/stage2.elf
	run tools/python - "$BATS_TEST_TMPDIR/stage2.log" silence build/x86_32/stage2.elf 0x101000 <<-'END'
		import sys
		from explain.__main__ import main
		from xenqemu.packets import Stuck
		from xenqemu.stub import Stub
		def hangs(self, *_):
		    raise Stuck("QEMU hangs within an instruction")
		Stub.run_till = hangs
		main(sys.argv[1:])
	END
	ends 0 "diagnosis: qemu-hangs"$'\n'
	ends 0 "P=V 0x101000"
}

# The machine shows what is wrong; what was done last, its owner may have forgotten.
@test "what differs from the last commit is named, with what was said of it, and only then" {
	good_tree x86_32/stage2
	git init -q "$good"
	git -C "$good" add src
	git -C "$good" -c user.name=reader -c user.email=reader@example.org commit -q -m "as it was"
	boot "$good/build/x86_32/stage2.elf"
	ends 0 "succeeded"
	sed -i 's/xen_exit(VERDICT_SUCCESS)/panic("enough")/; $a #define OUTSIDE 0' "$good/src/stage2-hypercall/early.c"
	make_image "$good" x86_32/stage2
	boot "$good/build/x86_32/stage2.elf"
	ends 1 "changed         the source differs from the last commit (git diff);"
	ends 1 ", in xen_entry()"$'\n'"                    - xen_exit(VERDICT_SUCCESS);"$'\n'"                    + panic(\"enough\");"$'\n'
	ends 1 "+ panic(\"enough\");"$'\n'"                    Its comment: \"Stage 2: the kernel calls Xen, and prints."
	ends 1 "xen_exit(): \"Ends the run with a"
	ends 1 "Shown in lessons/2-hypercall-page.md, \"The"
	[[ $output =~ early.c:[0-9]+$'\n'\ +\+\ \#define\ OUTSIDE\ 0$'\n  likely' ]] || { echo "$output"; return 1; }
	git -C "$good" -c user.name=reader -c user.email=reader@example.org commit -q -a -m "as it is now"
	boot "$good/build/x86_32/stage2.elf"
	ends 1 "diagnosis: guest-panicked"$'\n'
	[[ $output != *"  changed "* ]] || { echo "$output"; return 1; }
}

# What it costs, counted: processor time differs by a factor of three between two runs on a shared host.
@test "an explanation is one boot more, to the end that is explained" {
	local bin=$BATS_TEST_TMPDIR/bin
	boot build/x86_32/stage4.elf
	cp "$BATS_TEST_TMPDIR/stage4.log" "$BATS_TEST_TMPDIR/log"
	printf 'PANIC: nothing\n' >>"$BATS_TEST_TMPDIR/log"
	mkdir "$bin"
	printf '#!/bin/sh\necho boot >>"%s"\nexec "%s" "$@"\n' "$BATS_TEST_TMPDIR/boots" "$(command -v qemu-system-x86_64)" >"$bin/qemu-system-x86_64"
	chmod +x "$bin/qemu-system-x86_64"
	PATH=$bin:$PATH run tools/python -m explain "$BATS_TEST_TMPDIR/log" failure build/x86_32/stage4.elf
	ends 0 "diagnosis: guest-panicked"$'\n'
	[ "$(cat "$BATS_TEST_TMPDIR/boots")" = boot ]
}

# The example of tools/explain/README.md, in a tree of its own: what stands between ``` and ``` there.
# bats test_tags=long
@test "the page about adding a cause: following it works" {
	local tree=$BATS_TEST_TMPDIR/tree entry
	example() { awk -v begin="\`\`\`$1" '$0 == begin { on = 1; next } /^```/ { on = 0 } on' tools/explain/README.md; }
	mkdir -p "$tree/build"
	for entry in *; do
		case $entry in
		build | work) ;;
		src | tools | tests) cp -a "$entry" "$tree" ;;
		*) ln -s "$top/$entry" "$tree" ;;
		esac
	done
	cp -a build/x86_32 "$tree/build"
	ln -s "$top/build/xen" "$tree/build"
	example python >"$tree/tools/explain/rules_mine.py"
	sed -i 's/ end"\.split/ mine&/' "$tree/tools/explain/__init__.py"
	example toml >>"$tree/tests/explain/faults.toml"
	cd "$tree" || return
	tools/python tests/explain/run.py --name "the queue is full"
}
