# SPDX-License-Identifier: GPL-2.0-only
#
# walk VA: one address through the page tables under Xen, level by level, without Python. PAE and 64-bit.
#
# Each table is read where the guest has it mapped: at its paddr plus $offset, which is 0 in the P=V phase. $pgd is where
# the first one is. So, at the first instruction:
#
#	(gdb) source gdbscripts/by-hand/walk.gdb
#	(gdb) set $pgd = ((struct start_info *)$esi)->pt_base		($rsi in a 64-bit guest)
#	(gdb) walk 0x100000
#
# After the jump, where only the linked addresses are left: set $offset = 0xc0000000, and add it to $pgd.

source gdbscripts/by-hand/m2p.gdb
set $offset = 0

define walk
	# Each level takes 9 bits of the VA. PAE begins at bit 30, where 2 are left; four levels begin at bit 39.
	set $shift = sizeof(long) == 4 ? 30 : 39
	set $table = $pgd
	while $shift >= 12
		set $index = ((unsigned long long)$arg0 >> $shift) & 0x1ff
		x/gx $table + 8 * $index
		# $__ is what x has read: bit 0 says PRESENT, bits 12 to 51 are the MFN.
		if ($__ & 1) == 0
			printf "not present: VA %#lx is not mapped\n", $arg0
			set $shift = 0
		else
			m2p ($__&0xffffffffff000)>>12
			set $table = $offset + $pfn * 0x1000
			set $shift = $shift - 9
		end
	end
end
document walk
One address through the page tables: walk VA. Set $pgd before, and $offset after the jump.
end
