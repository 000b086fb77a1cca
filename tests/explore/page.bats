# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # fault() sets image
#
# The page of make explore, in a browser: a long test, part of `make check-doc`.

load ../lib

setup_file() {
	make -s build/explore/recorder.so build/x86_32/stage{1,2,4}.elf
	make -s ARCH=x86_64 build/x86_64/stage4.elf
	good_tree x86_32/stage2
}

# Makes the page of an image, as $page.
explore() { # IMAGE [option...]
	page=$BATS_TEST_TMPDIR/page.html
	BUILD=$BATS_TEST_TMPDIR run tools/python -m explore "${@:2}" "$1" "$page"
	ends 0 "$page"
}

@test "every key, every link, there and back: stage 4, on a large and on a small screen" {
	explore build/x86_32/stage4.elf
	tests/explore/browse "$page" tests/explore/steps.js
	tests/explore/browse "$page" tests/explore/steps.js 390
	# A teacher's memory stick has room for it.
	[ "$(stat -c %s "$page")" -lt 1500000 ]
}

@test "the same with 64 bits, and with a boot of six instructions" {
	explore build/x86_64/stage4.elf
	tests/explore/browse "$page" tests/explore/steps.js
	explore build/x86_32/stage1.elf --flag=--proof-of-life
	tests/explore/browse "$page" tests/explore/steps.js
}

@test "a PVH dom0, which begins with 32 bits on a 64-bit machine, has registers from its entry on" {
	command -v apt-get >/dev/null || skip "Debian's Xen is fetched with apt-get"
	run env -u XEN make explore STAGE=7 PVH=dom0 ARCH=x86_64
	ends 0 stage7.html
	tests/explore/browse build/x86_64/stage7.html tests/explore/steps.js
}

@test "without Xen: stage 7, which QEMU enters as PVH, and stage 5, from the head of its kernel on" {
	local words made
	for words in "STAGE=7" "STAGE=7 ARCH=x86_64 PVH=microvm" "STAGE=5 NATIVE=y"; do
		# shellcheck disable=SC2086 # words
		run env -u XEN make explore $words
		made=${lines[-1]}
		ends 0 html
		tests/explore/browse "$made" tests/explore/steps.js
		grep -q '"changes":\[\[' "$made"
		! grep -qE '"changes":.*(\[|,)null[],]' <(grep -oE '"changes":.*"repeated"' "$made") || { echo "$words: steps without registers"; return 1; }
		grep -qE '"console":\[".*",\[\[0,0\],' "$made" || { echo "$words: the console is full before the first step"; return 1; }
	done
}

@test "a kernel that loops has a page, which says so" {
	fault x86_32/stage2 stage2-hypercall/early.c 's/xen_exit\(VERDICT_SUCCESS\);/for (;;);/'
	SILENCE=2 explore "$image"
	grep -q '"looping":\[' "$page"
	tests/explore/browse "$page" tests/explore/steps.js
}

@test "an image that Xen refuses has a page with Xen's reasons" {
	fault x86_32/stage2 stage1-notes/notes.S 's/"yes"/"maybe"/'
	explore "$image"
	tests/explore/browse "$page" tests/explore/nothing.js
}

@test "what a guest prints, and what things are called, stays text" {
	page=$BATS_TEST_TMPDIR/page.html
	BUILD=$BATS_TEST_TMPDIR tools/python -m explore --json build/x86_32/stage2.elf "$BATS_TEST_TMPDIR/recording.json"
	tools/python - "$BATS_TEST_TMPDIR/recording.json" "$page" <<-'END'
		import json, sys
		from explore import page
		evil = '</script><!-- <img src="x" onerror="window.hacked = 1"> <script>window.hacked = 1</script>'
		with open(sys.argv[1], encoding="utf-8") as file:
		    recording = json.load(file)
		recording["title"] = evil
		recording["end"]["said"] = [evil, "(transcript: x)" + evil]
		recording["console"][0] = evil * 20000  # 2 MB in one line
		for symbol in recording["symbols"]:
		    symbol[0] += evil if symbol[0] != "xen_entry" else ""
		for row in recording["code"]:
		    row[1] = evil
		for file in recording["files"]:
		    file["path"] = file["text"] = evil
		for event in recording["events"]:
		    event["text"] += evil
		for row in recording["functions"]:
		    row["name"] = evil
		with open(sys.argv[2], "w", encoding="utf-8") as file:
		    file.write(page.make(recording, ["<svg xmlns='http://www.w3.org/2000/svg'><title>tables</title></svg>" for _ in recording["tables"]]))
	END
	tests/explore/browse "$page" tests/explore/steps.js
}

@test "the moments that lessons name are what their sentences promise" {
	local command at page script=$BATS_TEST_TMPDIR/moment.js found=0
	while read -r command; do
		# shellcheck disable=SC2086 # the words of a command
		run ${command%% AT=*}
		page=${lines[-1]} at=${command##* AT=}
		{ printf 'const moment = "%s";\n' "$at"; cat tests/explore/moments.js; } >"$script"
		tests/explore/browse "$page" "$script" || { echo "$command: not the moment that the lesson promises"; return 1; }
		found=$((found + 1))
	done < <(grep -ohE 'make explore [A-Za-z0-9_= ]*AT=[A-Za-z0-9_=:,.-]+' lessons/*.md labs/lab*/README.md | sort -u)
	[ "$found" -ge 5 ]
}

@test "the book's recordings: each erratum's boot has failed, each stage's has not" {
	local page status
	[ -e build/doc/html/recorded/made ] || make -s doc
	for page in build/doc/html/recorded/*.html; do
		status=$(grep -o '"end":{"status":[0-9]*' "$page")
		case ${page##*/}:${status##*:} in
		erratum*:0 | stage*:[!0]*) echo "$page: exit status ${status##*:}"; return 1 ;;
		esac
	done
}
