# SPDX-License-Identifier: GPL-2.0-only
# src/stage3-remap/remap.c without what later labs ask for: the other roads, and the choice between them. Used by tools/lab, sed -E.
# Behind: labs/lab4/remap.c.sed
/^\/\/! \[remap_kernel_pgd\]$/,/^\/\/! \[remap_kernel_pgd\]$/d
/^	\/\* The paddr whose virtual address/d
/^	unsigned long shared = /d
/^	if \(max > REMAP_MAX\)$/,/;$/d
/^	count\.pgd = remap_kernel_pgd/d
s/max\(addr, shared\), max\)/addr, max)/
/^	if \(LOAD_OFFSET != PAGE_OFFSET\) \{$/,/^	\}$/d
