# SPDX-License-Identifier: GPL-2.0-only
# src/stage3-remap/limit.c as the patch had it: errata 1 and 2. Used by tools/lab, sed -E.
s/^ \* @file$/&\
 * Lab 9: this is as the 2007 patch had it. Two mistakes are in it./
/^	if \(pfn_x\(pfn\) == INVALID_PFN\)$/,/;$/c\
	if (pfn_x(pfn) == INVALID_PFN)\
		pfn = _pfn(0);
/^	\/\* Dom0 has no such pages/d
/^	if \(!\(info->flags & SIF_INITDOMAIN\)\) \{$/d
s/^		(limit = max\(limit, mfn_end)/	\1/
/^	\}$/d
