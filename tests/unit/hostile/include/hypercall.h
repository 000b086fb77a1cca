/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The hypercalls of the toolstack's end of the rings: there is nobody to tell.
 *
 * Stands in for src/include/hypercall.h.
 */
#ifndef HYPERCALL_H
#define HYPERCALL_H

#include "xen-interface.h"

#include <xen/event_channel.h>

static inline long HYPERVISOR_event_channel_op(int cmd, void *arg)
{
	(void)cmd;
	(void)arg;
	return 0;
}

#endif
