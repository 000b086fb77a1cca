# SPDX-License-Identifier: GPL-2.0-only
"""TOML: a part of Python since 3.11, before that the same as a package of its own."""

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

load = tomllib.load
