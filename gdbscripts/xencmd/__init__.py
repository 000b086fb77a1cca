# SPDX-License-Identifier: GPL-2.0-only
"""The commands under `xen`, for GDB. Importing this package defines them."""

from . import pt, attach  # noqa: F401
