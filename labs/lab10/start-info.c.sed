# SPDX-License-Identifier: GPL-2.0-only
# src/stage6-toolstack/start-info.c without the fields. Used by tools/lab, sed -E.
/^		\(info\)->nr_pages/,/^		       sizeof\(\(info\)->cmd_line/c\
		/* Lab 10, task 4: your code. */                       \\\
		(void)(info);                                          \\\
		(void)(of);                                            \\
