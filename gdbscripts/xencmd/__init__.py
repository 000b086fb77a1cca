# SPDX-License-Identifier: GPL-2.0-only
"""The commands under `xen`, for GDB. Importing this package defines them."""

import importlib

for module in ("pt connect pt_walk pt_aliases pt_files pt_svg translate boot_data domain_data frame places registers time hypercalls attach"
               " end end_stop inside_xen serve domain log watch host").split():
    importlib.import_module(f"{__name__}.{module}")
