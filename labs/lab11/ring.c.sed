# SPDX-License-Identifier: GPL-2.0-only
# src/stage2-hypercall/ring.c without what makes the bytes count. Used by tools/lab, sed -E.
/^\/\* The text has to be in the ring before the index/,/^}$/d
