# SPDX-License-Identifier: GPL-2.0-only
#
# Loaded by `make gdb`: the commands under `xen`. `xen` alone lists them.
#
# GDB does not tell a script where it lies: that is on its command line (gdb -x some/folder/gdbscripts/xen.gdb).

set confirm off
set python print-stack message
python
import os, sys
with open("/proc/self/cmdline") as line:
    named = [os.path.dirname(word.rpartition("=")[2]) for word in line.read().split("\0") if word.endswith("xen.gdb")]
scripts = os.path.realpath((named or ["gdbscripts"])[0])
sys.path.insert(0, scripts)
# What Python compiles goes below build/, as tools/python's does.
sys.pycache_prefix = sys.pycache_prefix or os.path.join(os.path.dirname(scripts), "build", "pycache")
sys.dont_write_bytecode = False
try:
    import elftools
except ImportError:
    raise gdb.GdbError(f"GDB's own Python {sys.version.split()[0]} does not find pyelftools, which reads the images: "
                       "apt-get install python3-pyelftools, or name its folder in PYTHONPATH") from None
if os.environ.get("NO_COLOR"):
    gdb.execute("set style enabled off")
import xencmd
end
