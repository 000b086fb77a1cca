# SPDX-License-Identifier: GPL-2.0-only
#
# Markdown as a code host shows it, to Markdown as Doxygen wants it. Run by Doxygen on each .md file, from the top of
# the tree; the files stay as they are. A line stays a line, but for the label at the top.
#
# - Headings get labels, made of the page's and of a code host's: lesson-3-remap-the-idea.
# - Links to pages and to files of the tree become references, which Doxygen checks.
# - <!-- \snippet FILE NAME -->, which a code host hides, shows the code with its links; the copy below it, which is for
#   the code host, goes. What a lab asks for is folded: it opens when it is asked for.
# - "Next: ...", the last line of a lesson, goes: the book has a way on of its own.
# - A transcript is replaced by what this machine prints, if tools/doc/build has found that this is something else.
# - A picture is put into the page, so that it follows the page's light and dark.
# - `name()` becomes a link to the function, in code letters; `make explore STAGE=3 AT=event=mmu_update` one to the recorded
#   boot, at that moment.

# lessons/3-remap.md: lesson-3-remap; labs/lab3/README.md: lab3; the README: kit.
function page_label(path, parts, n) {
	if (path == "lessons/README.md")
		return "index"
	n = split(path, parts, "/")
	sub(/\.md$/, "", parts[n])
	if (parts[n] == "README")
		return n == 1 ? "kit" : parts[n - 1]
	return parts[n] ~ /^[0-9]/ ? "lesson-" parts[n] : parts[n]
}

# A code host's label of a heading.
function slug(text) {
	text = tolower(text)
	gsub(/[^a-z0-9_ -]/, "", text)
	gsub(/ /, "-", text)
	return text
}

# Path of a link in this file, seen from the top of the tree.
function resolve(target, path) {
	path = folder target
	while (path ~ /[^\/]+\/\.\.\//)
		sub(/[^\/]+\/\.\.\//, "", path)
	sub(/\/$/, "", path)
	return path
}

function link(text, target, fragment, path) {
	if (target ~ /^[a-z]+:/)
		return "[" text "](" target ")"
	fragment = ""
	if (match(target, /#/)) {
		fragment = "-" substr(target, RSTART + 1)
		target = substr(target, 1, RSTART - 1)
	}
	gsub(/`/, "", text)
	gsub(/"/, "'", text)
	path = target == "" ? file : resolve(target)
	if (path ~ /\.svg$/)
		return "@htmlinclude[block] " path
	if (path in page_of_folder)
		path = page_of_folder[path]
	else if (path ~ /\.md$/)
		path = page_label(path)
	else if (!(path in documented) && path in tree)
		return "<tt>" text "</tt>"
	if (path == "index" && fragment == "")
		return "[" text "](index.html)"
	return "@ref " path fragment " \"" text "\""
}

# Everything outside of code spans.
function prose(text, out, from, to) {
	out = ""
	while (match(text, /!?\[[^]]*\]\([^)]*\)/)) {
		from = text
		out = out substr(text, 1, RSTART - 1)
		text = substr(text, RSTART, RLENGTH)
		from = substr(from, RSTART + RLENGTH)
		to = text
		sub(/^!?\[/, "", text)
		sub(/\]\([^)]*\)$/, "", text)
		sub(/^.*\]\(/, "", to)
		sub(/\)$/, "", to)
		out = out link(text, to)
		text = from
	}
	return out text
}

# A struct of Xen's that has a page of its own (tools/doc/xen-structs).
function is_xens_struct(text, line) {
	return text ~ /^struct [a-z_]+$/ && (getline line < ("build/doc/pages/struct-" substr(text, 8) ".markdown")) > 0
}

# The page that tools/doc/recordings makes by such a command: recorded/stage3-2G.html#event=mmu_update; nothing if it makes none.
function recorded(command, words, n, i, name, moment, value) {
	name = moment = ""
	n = split(command, words, " ")
	for (i = 3; i <= n; i++) {
		value = words[i]
		sub(/^[A-Z]+=/, "", value)
		if (words[i] ~ /^STAGE=[0-5]$/)
			name = "stage" value name
		else if (words[i] ~ /^ERRATUM=[1-8]$/)
			name = "erratum" value name
		else if (words[i] == "ARCH=x86_64" || words[i] == "VMSPLIT=2G")
			name = name "-" value
		else if (words[i] ~ /^AT=/)
			moment = "#" value
		else
			return ""
	}
	return name ~ /^(stage[0-5]|stage3-(2G|x86_64)|erratum[1-8])$/ ? "recorded/" name ".html" moment : ""
}

# Code spans pass through, but for names of functions and of structs of Xen's.
function spans(text, out, parts, n, i) {
	# A link's text may hold a span, so links come first.
	text = prose(text)
	n = split(text, parts, /`/)
	if (n % 2 == 0)
		return text
	out = parts[1]
	for (i = 2; i <= n; i += 2) {
		if (parts[i] ~ /^[a-z_][a-z0-9_]*\(\)$/)
			out = out "<tt>" parts[i] "</tt>"
		else if (parts[i] ~ /^make explore [A-Z]/ && recorded(parts[i]) != "")
			out = out "<a href=\"" recorded(parts[i]) "\"><tt>" parts[i] "</tt></a>"
		else if (is_xens_struct(parts[i]))
			out = out "@ref struct-" substr(parts[i], 8) " \"" parts[i] "\""
		else {
			gsub(/%[a-z]/, "%&", parts[i]) # Doxygen takes one for itself
			out = out "`" parts[i] "`"
		}
		out = out parts[i + 1]
	}
	return out
}

# lab_of: the first lab that asks for what a file has between two marks.
function read_lab(path, lab, line, words, marks, files, blanks, n, i, j) {
	lab = path
	gsub(/[^0-9]/, "", lab)
	while ((getline line < path) > 0)
		if (split(line, words) > 2 && words[2] == ":=") {
			if (words[1] == "lab-files")
				files = line
			else if (words[1] == "lab-blanks")
				blanks = line
		}
	n = split(files, words)
	for (i = 3; i <= n; i++)
		for (j = split(blanks, marks); j >= 3; j--)
			if (!(("src/" words[i], marks[j]) in lab_of) || lab_of["src/" words[i], marks[j]] > lab + 0)
				lab_of["src/" words[i], marks[j]] = lab + 0
}

# The next transcript of this page, as it is on this machine; nothing if it is no other.
function as_here(path, line, text) {
	path = "build/doc/here/" file
	while ((getline line < path) > 0 && line !~ /^```console/)
		;
	while ((getline line < path) > 0 && line !~ /^```/)
		text = text line "\n"
	return text
}

BEGIN {
	while ((getline line < "build/doc/stages") > 0) {
		split(line, parts, "\t")
		page_of_folder["src/" parts[2]] = "stage-" parts[1]
	}
	while ((getline line < "build/doc/files") > 0)
		documented[line]
	while ((getline line < "build/doc/tree") > 0)
		tree[line]
	while (("ls labs/lab*/lab.mk" | getline line) > 0)
		read_lab(line)
}

FNR == 1 {
	file = FILENAME
	sub(/^.*\/(lessons|labs)\//, "&", file)
	if (index(file, ENVIRON["TOP"] "/") == 1)
		file = substr(file, length(ENVIRON["TOP"]) + 2)
	folder = file
	sub(/[^\/]*$/, "", folder)
	label = page_label(file)
	# Who links here finds a page, whatever is in it.
	if ($0 !~ /^# /)
		print "# " label " {#" label "}\n"
}

copy { copy = $0 !~ /^```$/; print folded; folded = ""; next }
shown && /^```/ { copy = 1; shown = 0; print folded ? snippet : ""; next }
{ shown = 0 }

/^```/ {
	fence = !fence
	# No language that Doxygen knows; its colours would be wrong.
	print (fence && $0 !~ /^```(c|python|diff)$/ ? "```{.unparsed}" : $0)
	here = fence && /^```console/ ? as_here() : ""
	printf "%s", here
	next
}
fence { if (here == "") print; next }

/^<!-- \\snippet / {
	sub(/^<!-- \\/, "@")
	sub(/ -->$/, "")
	shown = 1
	snippet = $0
	folded = ($2, $3) in lab_of ? "</details>" : ""
	print folded ? "<details class=\"answer\"><summary>Lab " lab_of[$2, $3] " asks for this: open it when you have tried</summary>" : snippet
	next
}
# The book has its own way on.
/^Next: / { print ""; next }
/^# / { print $0 (label == "index" ? "" : " {#" label "}"); next }
/^##+ / {
	text = $0
	sub(/^#+ /, "", text)
	print $0 " {#" label "-" slug(text) "}"
	next
}
{ print spans($0) }
