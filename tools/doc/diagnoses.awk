# SPDX-License-Identifier: GPL-2.0-only
#
# tools/diagnoses.txt as a page of the book: what can go wrong, how it shows, what it means. Run by tools/doc/build.

function end(i) {
	if (id == "")
		return
	print "## " id " {#diagnosis-" id "}\n\n" means "\n"
	if (see != "")
		print "The transcript has:\n\n```{.unparsed}\n" see "```\n"
	if (lesson != "")
		print "Read @ref " label " \"" lesson "\".\n"
	id = means = see = lesson = ""
}

# What is HTML, Markdown or Doxygen's in a text is none there.
function text(line) {
	gsub(/[<>@\\#%&*_|]/, "\\\\&", line)
	gsub(/\\_/, "_", line)
	return line
}

BEGIN {
	FS = "\t"
	while ((getline < "build/doc/lessons") > 0)
		title[$1] = $2
	print "# What can go wrong {#diagnoses}\n"
	print "What a boot that failed is told to mean, from <tt>tools/diagnoses.txt</tt>: the first entry that fits is printed.\n"
}
/^id: /		{ end(); id = substr($0, 5) }
/^means: /	{ means = means (means == "" ? "" : "\n") text(substr($0, 8)) }
/^see: /	{ see = see substr($0, 6) "\n" }
/^read: lessons\// {
	label = substr($0, 15)
	sub(/\.md$/, "", label)
	label = label ~ /^[0-9]/ ? "lesson-" label : label
	lesson = title[label]
}
END { end() }
