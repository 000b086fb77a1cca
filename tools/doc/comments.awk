# SPDX-License-Identifier: GPL-2.0-only
#
# A page of the book, in which comments of assembly are to look like comments. Doxygen reads assembly as C, to which "#"
# is nothing: it finds keywords and names of functions in what follows. Run by tools/doc/build on pages with assembly.

/<div class="line">/ && match($0, /[ \t]# /) {
	code = substr($0, 1, RSTART)
	comment = substr($0, RSTART + 1)
	sub(/<\/div>.*$/, "", comment)
	gsub(/<[^>]*>/, "", comment)
	# What the code before has left open is closed behind it.
	open = gsub(/<span/, "&", code) - gsub(/<\/span>/, "&", code)
	printf "%s<span class=\"comment\">%s</span>", code, comment
	while (open-- > 0)
		printf "</span>"
	print "</div>"
	next
}
{ print }
