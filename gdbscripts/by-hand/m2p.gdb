# SPDX-License-Identifier: GPL-2.0-only
#
# m2p MFN: which page of the guest's is that? Without Python: an array of Xen's, indexed by MFN, that every guest can read.
# Where it is, and how wide its entries are: xen/arch-x86/xen-x86_32.h and xen-x86_64.h. Leaves the answer in $pfn.

define m2p
	if sizeof(long) == 4
		set $pfn = ((unsigned int *)0xf5800000)[$arg0]
	else
		set $pfn = ((unsigned long *)0xffff800000000000)[$arg0]
	end
	printf "MFN %#lx is PFN %#lx\n", $arg0, $pfn
end
document m2p
The guest's number for a machine page: m2p MFN. Leaves it in $pfn.
end
