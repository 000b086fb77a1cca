# SPDX-License-Identifier: GPL-2.0-only
# src/stage4-start-kernel/repoint.c as the patch had it: erratum 5. Used by tools/lab, sed -E.
s/^ \* @file$/&\
 * Lab 9: this is as the 2007 patch had it. One mistake is in it./
/^	if \(info->mod_len && /,/;$/d
