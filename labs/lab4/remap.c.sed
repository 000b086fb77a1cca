# SPDX-License-Identifier: GPL-2.0-only
# src/stage3-remap/remap.c without what lab 8 asks for, the road of 64-bit kernels. Used by tools/lab, sed -E.
/^\/\*$/{
N
/LOAD_OFFSET lies in/{
:comment
N
/\*\/$/!b comment
d
}
}
/^\/\/! \[remap_kernel_text\]$/,/^\/\/! \[remap_kernel_text\]$/d
/^ \* - The text of a 64-bit kernel/,/^ \*   remap_kernel_text/d
