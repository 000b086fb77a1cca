# SPDX-License-Identifier: GPL-2.0-only
#
# Lessons: is what they say so, and do they lead where they say? What needs Doxygen or a browser is in `make check-doc`.

# shellcheck disable=SC2016 # the backquotes are Markdown's

bats_require_minimum_version 1.5.0
load lib

lessons=(lessons/[0-9]-*.md lessons/[1-9][0-9]-*.md)

# File and target of each link in the Markdown that readers see, but for those in code.
links() {
	local file
	for file in README.md lessons/*.md labs/*/README.md labs/*/hints.md; do
		[ ! -e "$file" ] || sed '/^```/,/^```/d; s/`[^`]*`//g' "$file" |
			grep -oE '\]\([^)]*\)' | sed -E "s,^\]\((.*)\)$,$file\t\1,"
	done
}

# A code host's labels of the headings in files: file#label.
labels() { # file...
	awk '
	FNR == 1 { code = 0 }
	/^```/ { code = !code }
	!code && /^#+ / {
		sub(/^#+ /, "")
		$0 = tolower($0)
		gsub(/[^a-z0-9_ -]/, "")
		gsub(/ /, "-")
		print FILENAME "#" $0
	}' "$@"
}

transcripts() { # file...
	run tools/doc/transcripts --quick "$@"
	echo "$output"
	[ "$status" = 0 ]
}

# Those of the other pages are in make check-doc.
@test "README and lesson 0: the transcripts are true" { transcripts README.md lessons/0-machine.md; }
@test "lesson 3: the transcripts are true" { transcripts lessons/3-remap.md; }

# tools/doc/transcripts for commands that need nothing that was built.
transcripts_of_echo() { # option or file...
	local kit=$BATS_TEST_TMPDIR/kit
	[ -e "$kit" ] || { mkdir "$kit" && ln -s "$PWD/tools" "$kit/"; }
	"$kit/tools/doc/transcripts" "$@"
}

@test "a transcript that is not true is found, and put right" {
	local lesson=$BATS_TEST_TMPDIR/lesson.md
	cat >"$lesson" <<-'EOF'
		```console
		$ echo 'VA 0x12345 is MFN 0x678, flags 0x67'; echo two; echo three; echo 'again MFN 0x678'
		VA 0x23456 is MFN 0x789, flags 0x67
		...
		again MFN 0x789
		```
	EOF
	transcripts_of_echo "$lesson"
	cp "$lesson" "$lesson.good"

	sed -i '/^VA/s/flags 0x67/flags 0x63/' "$lesson" # a small number counts
	run ! transcripts_of_echo "$lesson"
	cp "$lesson.good" "$lesson"
	sed -i 's/again MFN 0x789/again MFN 0x78a/' "$lesson" # no longer the same number twice
	run ! transcripts_of_echo "$lesson"
	cp "$lesson.good" "$lesson"
	sed -i 's/^again/never/' "$lesson" # a line that is not printed
	run ! transcripts_of_echo "$lesson"
	[[ $output == *"not printed any more: never MFN"* ]]

	cp "$lesson.good" "$lesson"
	printf '```console\n$ echo edited >>%s; echo new\nold\n```\n' "$lesson" >>"$lesson" # by somebody else, meanwhile
	run ! transcripts_of_echo --update "$lesson"
	[[ $output == *"somebody edited it meanwhile"* ]]
	[ "$(tail -n 1 "$lesson")" = edited ]

	cp "$lesson.good" "$lesson"
	transcripts_of_echo --update "$lesson"
	grep -Fx 'again MFN 0x678' "$lesson"
	grep -Fx '...' "$lesson"
}

# shellcheck disable=SC2154 # top comes from lib.bash
@test "where other numbers are printed, the book shows those" {
	local lesson=$BATS_TEST_TMPDIR/lessons/3-x.md
	mkdir "$BATS_TEST_TMPDIR/lessons"
	printf '%s\n' '# A lesson' '```console' '$ echo VA 0x12345' 'VA 0x23456' '```' '```' 'no command' '```' \
		'```console' '$ echo second' 'second' '```' >"$lesson"
	cp "$lesson" "$lesson.was"
	transcripts_of_echo --into "$BATS_TEST_TMPDIR/into" "$lesson"
	cmp "$lesson" "$lesson.was"
	cd "$BATS_TEST_TMPDIR"
	book() { TOP=$PWD awk -f "$top/tools/doc/markdown.awk" "$lesson" 2>/dev/null | grep -v "^#" | paste -sd"|"; }
	[ "$(book)" = '```{.unparsed}|$ echo VA 0x12345|VA 0x23456|```|```{.unparsed}|no command|```|```{.unparsed}|$ echo second|second|```' ]
	mkdir -p build/doc
	mv "$BATS_TEST_TMPDIR/into$BATS_TEST_TMPDIR" build/doc/here
	[ "$(book)" = '```{.unparsed}|$ echo VA 0x12345|VA 0x12345|```|```{.unparsed}|no command|```|```{.unparsed}|$ echo second|second|```' ]
}

@test "a snippet is named and linked above the place where the book shows it" {
	local file
	for file in "${lessons[@]}"; do
		awk '/^<!-- / {
			if (!match($0, /^<!-- \\snippet [^ ]+ [^ ]+ -->$/)) { print FILENAME ": " $0; bad = 1 }
			if (!index(above, "](../" $3 "):")) { print FILENAME ": above " $0 ": " above; bad = 1 }
		}
		{ above = $0 }
		END { exit bad }' "$file"
	done
}

@test "the code in the lessons is the sources'" {
	tools/doc/snippets "${lessons[@]}"
	# And there is no other.
	awk '/^```(c|asm|ld|gas)$/ && above !~ /^<!-- \\snippet / { print FILENAME ":" FNR ": " $0; bad = 1 } { above = $0 } END { exit bad }' \
		"${lessons[@]}"
}

@test "the lines that lesson 10 names for what a guest finds are the sources'" {
	local rows=0 code file
	while IFS='|' read -r _ _ code file _; do
		code=${code#*\`}
		code=${code%%\`*}
		grep -qF -- "$code" "src/stage6-toolstack/${file// /}" || { echo "not in $file: $code"; return 1; }
		rows=$((rows + 1))
	done < <(sed -n '/^### Line by line/,/^### P/{/\.c |$/p}' lessons/10-the-other-side.md)
	[ "$rows" -ge 12 ]
}

@test "code in a lesson that is not the source's is found, and put right" {
	local lesson=$BATS_TEST_TMPDIR/lesson.md
	printf '%s\n' 'Text' '<!-- \snippet src/stage1-notes/head_32.S startup_xen -->' 'More' >"$lesson"
	run ! tools/doc/snippets "$lesson"
	tools/doc/snippets --update "$lesson"
	[ "$(sed -n 3p "$lesson")" = '```asm' ]
	grep -q '^startup_xen:$' "$lesson"
	[ "$(tail -n 2 "$lesson")" = '```'$'\n''More' ]
	tools/doc/snippets "$lesson"
	sed -i 's/cld/std/' "$lesson"
	run ! tools/doc/snippets "$lesson"
	[[ $output == *"-	std"*"+	cld"* ]]
	sed -i 's/startup_xen -->/nothing -->/' "$lesson"
	run ! tools/doc/snippets --update "$lesson"
	[[ $output == *"has 0 marks of nothing, not 2"* ]]
}

@test "links lead to files and headings that exist" {
	local file target path count=0
	local -A heading=()
	while read -r target; do heading[$target]=y; done < <(labels README.md lessons/*.md labs/*/*.md)
	while IFS=$'\t' read -r file target; do
		[[ $target != http* ]] || continue
		path=${target%%#*}
		path=${path:+${file%"${file##*/}"}$path}
		path=${path:-$file}
		[ -e "$path" ] || { echo "$file: no file $target"; false; }
		if [[ $target == *'#'* ]]; then
			while [[ $path =~ ^(.*/)?[^/.]+/\.\./(.*)$ ]]; do path=${BASH_REMATCH[1]}${BASH_REMATCH[2]}; done
			[ -n "${heading[$path#${target#*#}]-}" ] || { echo "$file: no heading $target"; false; }
		fi
		count=$((count + 1))
	done < <(links)
	[ "$count" -gt 200 ]
}

@test "a link stands in one line: the book's filter and these tests read lines" {
	local file
	for file in README.md lessons/*.md labs/*/README.md; do
		run ! grep -nE '\[[^]]*$' <(sed '/^```/,/^```/d; s/`[^`]*`//g' "$file")
	done
}

@test "every lesson has its parts, in the same order: what shows lines of src/ comes behind the lab that asks for them" {
	local file
	for file in "${lessons[@]}"; do
		diff <(sed '/^```/,/^```/d' "$file" | grep '^## ') - <<-EOF
			## What you will be able to do
			## The picture
			## The idea
			## The code
			## What it prints
			## The lab
			## What if
			## Then and now
		EOF
	done
}

@test "every file of a stage is named in its lesson" {
	local folder number lesson file
	for folder in src/stage*; do
		number=${folder#src/stage} number=${number%%-*}
		lesson=$(printf '%s\n' lessons/"$((number > 5 ? number + 4 : number ? number : 1))"-*.md)
		while read -r file; do
			grep -qF "(../$file)" "$lesson" || { echo "$lesson says nothing of $file"; false; }
		done < <(find "$folder" -name '*.[chS]' -o -name '*.lds')
	done
}

@test "the map of the patch: every hunk, and every name is where it says" {
	local hunk here names name file hunks=
	while IFS='|' read -r _ hunk _ here names _; do
		hunks+=$hunk
		file=lessons/$(sed -n 's/.*](\(.*\)).*/\1/p' <<<"$here")
		[ -f "$file" ] || { echo "hunk $hunk: no file $file"; false; }
		for name in $(grep -o '`[^`]*`' <<<"$names" | tr -d '`'); do
			grep -qwF -- "$name" "$file" || { echo "hunk $hunk: no $name in $file"; false; }
		done
	done < <(grep -E '^\| [0-9]+ \|' lessons/9-after.md)
	[ "$(tr -s ' ' '\n' <<<"$hunks" | grep . | sort -nu | paste -sd' ')" = "1 2 3 4 5 6 7 8 9 10 11 12 13" ]
}

@test "every word of the glossary is used, and linked to from a lesson" {
	local word
	for word in $(sed -n 's/^### //p' lessons/glossary.md | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9_ -]//g; s/ /-/g'); do
		grep -qF "#$word)" lessons/*.md || { echo "nobody links to glossary.md#$word"; false; }
	done
}

@test "every lab is linked to from a lesson" {
	local page
	for page in labs/lab*/README.md; do
		grep -qF "](../$page)" "${lessons[@]}" || { echo "no lesson leads to $page"; false; }
	done
}

@test "every command that README and lessons name is a rule of make" {
	local target count=0
	mapfile -t rules < <(tracked '*.mk')
	while read -r target; do
		grep -qE "^([a-z0-9-]+ )*$target( [a-z0-9-]+)*:" Makefile "${rules[@]}" ||
			{ echo "no rule for make $target"; false; }
		count=$((count + 1))
	done < <(grep -ohE '(`|^\$ )make [a-z][a-z0-9-]*' README.md lessons/*.md | sed 's/.*make //' | sort -u)
	[ "$count" -gt 12 ]
}

@test "what Doxygen reads has the lines of the file, so that it counts right" {
	local file
	while read -r file; do
		[ "$(awk -f tools/doc/c.awk "$file" | wc -l)" = "$(wc -l <"$file")" ] || { echo "$file"; false; }
	done < <(find src -name '*.[chS]' -o -name '*.lds')
}

@test "Markdown for Doxygen: headings, links, snippets, names" {
	mkdir -p "$BATS_TEST_TMPDIR/lessons"
	cat >"$BATS_TEST_TMPDIR/lessons/3-x.md" <<-'EOF'
		# Lesson
		## The P=V phase
		See [pgd](glossary.md#pgd), [here](#the-pv-phase), [a file](../src/stage3-remap/remap.c) and `remap_kernel()`.
		<!-- \snippet src/a.c name -->
		```c
		int a_copy;
		```
		<!-- \snippet src/stage3-remap/walk.c get_pmd -->
		```c
		int a_copy;
		```
		```console
		[not](a-link.md) `code()`
		```
	EOF
	TOP=$BATS_TEST_TMPDIR run awk -f tools/doc/markdown.awk "$BATS_TEST_TMPDIR/lessons/3-x.md"
	diff <(echo "$output") - <<-'EOF'
		# Lesson {#lesson-3-x}
		## The P=V phase {#lesson-3-x-the-pv-phase}
		See @ref glossary-pgd "pgd", @ref lesson-3-x-the-pv-phase "here", @ref src/stage3-remap/remap.c "a file" and <tt>remap_kernel()</tt>.
		@snippet src/a.c name



		<details class="answer"><summary>Lab 3 asks for this: open it when you have tried</summary>
		@snippet src/stage3-remap/walk.c get_pmd
		</details>

		```{.unparsed}
		[not](a-link.md) `code()`
		```
	EOF
}

@test "Xen's structs: each field of the installed header has its words, and where it is used" {
	local page word count=0
	tools/doc/xen-structs "$BATS_TEST_TMPDIR"
	for page in "$BATS_TEST_TMPDIR"/struct-*.markdown; do
		run ! grep -nE '<br/> `[^`]*` \|  \|' "$page"
		count=$((count + $(grep -c '<br/>' "$page")))
	done
	[ "$count" -gt 35 ]
	grep -F '| 0x3c | 0x58 | **pt_base** <br/> `unsigned long` | ' "$BATS_TEST_TMPDIR/struct-start_info.markdown" |
		grep -F '@ref src/stage3-remap/walk.c "walk.c"'
	grep -F '| 0x38 | 0x50 | **console.domU.evtchn** ' "$BATS_TEST_TMPDIR/struct-start_info.markdown"
	# And no words for a field that is none.
	while read -r word; do
		grep -qF "**$word** " "$BATS_TEST_TMPDIR"/struct-*.markdown || { echo "no field $word"; false; }
	done < <(sed -nE '/^(used|about):/d; s/^([a-z][A-Za-z0-9_.]*): .*/\1/p' tools/doc/xen-structs.txt)
}

@test "the book has no link that leads nowhere and nothing undocumented" {
	command -v doxygen && command -v dot || skip "needs doxygen and graphviz: make doc installs them"
	local tree=$BATS_TEST_TMPDIR/tree
	mkdir -p "$tree/build"
	tracked | tr '\n' '\0' | xargs -0 cp --parents -t "$tree"
	ln -s "$PWD/build/x86_32" "$tree/build/"
	DRAWINGS=n "$tree/tools/doc/build" build/x86_32
}

# bats test_tags=long
@test "the browser finds what is wrong with a page" {
	command -v chromium && command -v node || skip "needs chromium and nodejs: make check-doc installs them"
	local html=$BATS_TEST_TMPDIR/html picture='<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
	mkdir "$html"
	echo "$picture" >"$html/there.svg"
	cp tools/doc/{book,search}.js /usr/share/javascript/lunr/lunr.min.js "$html/"
	echo '[{"kind": "lesson", "url": "bad.html", "title": "P=V", "where": "", "text": "early_p2m(info) and mapping"}]' >"$html/places"
	tools/doc/index text "$html/places" >"$html/search-text.js"
	echo "[]" >"$html/places"
	tools/doc/index sources "$html/places" >"$html/search-sources.js"
	printf '%s\tbad.html\n' P=V 'early_p2' mapped 'no such' >"$BATS_TEST_TMPDIR/searches"
	cat >"$html/index.html" <<-'EOF'
		<script src="book.js"></script><script src="search.js"></script>
		<form id="search"><input id="search-field"></form><button id="theme"></button><div id="search-results"></div>
		<p id="here"><a href="bad.html">a page</a> <a href="#here">a place</a> <img src="there.svg" alt="a picture">
	EOF
	cat >"$html/bad.html" <<-'EOF'
		<a href="gone.html">no page</a> <a href="index.html#gone">no place</a> <img src="gone.svg" alt="no picture">
		<div style="width: 500px">wide</div>
		<script>console.error("an error"); undefined_function()</script>
	EOF
	run tests/doc/browse "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/searches"
	echo "$output"
	[ "$status" = 1 ]
	[[ $output == *"bad.html: a link leads to no file: gone.html"* ]]
	[[ $output == *"bad.html: a link leads to no place: index.html#gone"* ]]
	[[ $output == *"bad.html: a picture is missing: gone.svg"* ]]
	[[ $output == *"bad.html: at 390 pixels it is "* ]]
	[[ $output == *"on the console: an error "* ]]
	[[ $output == *"on the console: Uncaught ReferenceError: undefined_function is not defined"* ]]
	[[ $output == *"bad.html: there is no search"* ]]
	[[ $output == *"search: \"no such\" does not find bad.html"* ]]
	[[ $output != *"index.html: "* ]]
	[[ $output == *"2 pages, 4 links, 4 searches, 6 faults"* ]]
}
