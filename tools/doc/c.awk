# SPDX-License-Identifier: GPL-2.0-only
#
# C and assembly for Doxygen's parser; what it shows as source is the file itself. Line numbers stay.
#
# - A plain comment before a function says what it is for: it becomes its documentation.
# - Snippet marks go, which would be taken for documentation.
# - A name that a lesson shows gets a link to that lesson: build/doc/names has "name<TAB>page<TAB>title".
# - Xen's list of errors, which a table includes, has comments that no parser but Xen's own gets to the end of.
# - Of assembly, what is left are the comments, and a declaration for each global symbol.
# - Of an erratum, only the head comment: its functions have the names of the right ones. So with the 64-bit pt_regs,
#   whose members would otherwise be listed among the 32-bit ones.

function see(name) {
	return name in lesson ? " @see @ref " lesson[name] " \"" title[name] "\"" : ""
}

# The name that a line of C declares: the word before the first "(", or the last of a #define, struct or array.
function declared(line) {
	if (match(line, /^#define [A-Za-z0-9_]+/))
		return substr(line, 9, RLENGTH - 8)
	if (match(line, /^(enum|struct) [a-z0-9_]+ *[{]/)) {
		sub(/^[a-z]+ /, "", line)
		sub(/ *[{].*/, "", line)
		return line
	}
	if (match(line, /[A-Za-z0-9_]+\(/) && line !~ /^[ \t#]/ && line !~ /__attribute__/)
		return substr(line, RSTART, RLENGTH - 1)
	return ""
}

BEGIN {
	FS = "\t"
	while ((getline line < "build/doc/names") > 0) {
		split(line, parts, "\t")
		lesson[parts[1]] = parts[2]
		title[parts[1]] = parts[3]
	}
	# Of folders, too: what a file belongs to.
	while ((getline line < "build/doc/stages") > 0) {
		split(line, parts, "\t")
		folder_lesson[parts[2]] = parts[3]
		folder_title[parts[2]] = parts[4]
	}
}

{ lines[FNR] = $0 }

END {
	assembly = FILENAME ~ /\.(S|lds)$/
	for (i = 1; i <= FNR; i++)
		if (lines[i] ~ /^\.macro[ \t]/)
			assembly = 1
	folder = FILENAME
	sub(/^(.*\/)?src\//, "", folder)
	sub(/\/.*$/, "", folder)
	for (i = 2; i <= FNR; i++)
		if (lines[i] ~ /^\/\*( |$)/ && lines[i] !~ /clang-format/)
			sub(/^\/\*/, "/**", lines[i])
	for (i = 1; i <= FNR; i++)
		if (lines[i] ~ /^[ \t]*\/\/! \[/ || lines[i] == "#include <xen/errno.h>")
			lines[i] = ""
	for (i = 1; i <= FNR; i++) {
		if (lines[i] ~ /^\/\*\*/)
			comment = 1
		if (lines[i] ~ /@file/ && folder in folder_lesson)
			file_link = " @see @ref " folder_lesson[folder] " \"" folder_title[folder] "\""
		if (comment && lines[i] ~ /\*\/[ \t]*$/) {
			for (j = i + 1; j < FNR && lines[j] == ""; j++)
				;
			link = file_link
			if (link == "")
				link = see(declared(lines[j]))
			if (link == "" && lines[j] ~ /__attribute__/)
				link = see(declared(lines[j + 1]))
			if (link != "")
				sub(/\*\/[ \t]*$/, link " */", lines[i])
			file_link = ""
			comment = 0
			if ((folder == "errata" || FILENAME ~ /ptrace_64\.h$/) && !exit_at)
				exit_at = i
		} else if (assembly && !comment) {
			if (lines[i] ~ /^[ \t]*\.globl[ \t]/) {
				sub(/^[ \t]*\.globl[ \t]+/, "void ", lines[i])
				gsub(/,/, "(void),", lines[i])
				lines[i] = lines[i] "(void);"
			} else if (match(lines[i], /^\.macro[ \t]+[A-Za-z0-9_]+/)) {
				split(lines[i], parts, /[ \t,:]+/)
				lines[i] = "#define " parts[2]
			} else
				lines[i] = ""
		}
	}
	for (i = 1; i <= FNR; i++)
		print (exit_at && i > exit_at ? "" : lines[i])
}
