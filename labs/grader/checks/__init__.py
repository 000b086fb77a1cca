# SPDX-License-Identifier: GPL-2.0-only
"""What several labs check. Built on the engine; knows no lab."""
