# SPDX-License-Identifier: GPL-2.0-only
#
# Of a shell or GDB script: the head comment, as the documentation of the file in Doxygen's Python form. The rest is
# left out here and shown as source.

FNR == 1 && /^#!/ { print "## @file"; next }
/^#/ && !code {
	sub(/^#+ ?/, "")
	if ($0 ~ /^SPDX-License-Identifier/) {
		print FNR == 1 ? "## @file" : "#"
		next
	}
	# Tabs would make a code block, and so would four blanks: both are meant so. < and > are no HTML.
	gsub(/[<>@\\#%]/, "\\\\&")
	print "# " $0
	next
}
{ code = 1; print "" }
