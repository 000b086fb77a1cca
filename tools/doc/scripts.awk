# SPDX-License-Identifier: GPL-2.0-only
#
# Of a shell, GDB or Python script: the head comment, or the module's docstring, as the documentation of the file in
# Doxygen's Python form. The rest is left out here and shown as source: names of scripts are not mixed with the kernels'.

# Tabs would make a code block, and so would four blanks: both are meant so. < and > are no HTML.
function say(text) {
	gsub(/[<>@\\#%]/, "\\\\&", text)
	print "# " text
}

FNR == 1 && /^#!/ { print "## @file"; next }
/^#/ && !code && !docstring {
	sub(/^#+ ?/, "")
	if ($0 ~ /^SPDX-License-Identifier/)
		print (FNR == 1 ? "## @file" : "#")
	else
		say($0)
	next
}
!code && (docstring || /^"""/) {
	last = $0 ~ /"""$/ && (docstring || $0 ~ /^""".*"""$/ && length($0) > 3)
	gsub(/^"""|"""$/, "")
	say($0)
	docstring = !last
	code = last
	next
}
{ code = 1; print "" }
