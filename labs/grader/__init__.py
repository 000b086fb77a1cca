# SPDX-License-Identifier: GPL-2.0-only
"""The engine that grades: it boots what a reader wrote, and looks at the machine.

Knows no lab. What several labs check is in checks/; what one lab checks is in that lab's folder, whose check.py the
engine calls. Built on the library in gdbscripts/.
"""
