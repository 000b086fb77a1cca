# SPDX-License-Identifier: GPL-2.0-only
#
# Loaded by `make gdb`: the commands under `xen`. `help xen` lists them.

set confirm off
set python print-stack message
python
import os, sys
sys.path.insert(0, os.path.join(os.getcwd(), "gdbscripts"))
sys.dont_write_bytecode = True
import xencmd
end
