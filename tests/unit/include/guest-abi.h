/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Xen's public headers as a guest of the mode under test reads them.
 *
 * They choose between the 32-bit and the 64-bit interface by asking which
 * processor the compiler works for. The unit tests run as 64-bit programs in
 * every mode; so for the time of that question the compiler is renamed. Only
 * numbers differ afterwards (where Xen lies, where the m2p lies): an unsigned
 * long has 64 bits here, in the headers as in the code under test. What the
 * tests cannot see, therefore, is a 32-bit number that overflows.
 *
 * Included before everything else (gcc -include), or src/include would have
 * read the headers already.
 */
#ifndef GUEST_ABI_H
#define GUEST_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifndef CONFIG_X86_64
#pragma push_macro("__x86_64__")
#undef __x86_64__
#define __i386__ 1
#endif

#include "xen-interface.h"

#ifndef CONFIG_X86_64
#undef __i386__
#pragma pop_macro("__x86_64__")
#endif

#endif
