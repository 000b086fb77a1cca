# SPDX-License-Identifier: GPL-2.0-only
# src/stage3-remap/remap.c for four levels only, and without the words that say how task 3 is done. Used by tools/lab, sed -E.
/^\/\/! \[remap_kernel_pmd\]$/,/^\/\/! \[remap_kernel_pmd\]$/d
/^\/\*$/{
N
/LOAD_OFFSET lies in/{
:comment
N
/\*\/$/!b comment
d
}
}
/^ \* - In the one slot that a PAE guest/,/^ \*   remap_kernel_text/d
/^	\/\* The paddr whose virtual address/d
/^	unsigned long shared = /d
s/min\(max, shared\)\)/max)/
/^	count\.pmd = remap_kernel_pmd/d
