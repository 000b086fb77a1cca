/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Xen's public headers (Debian: libxen-dev), and nothing retyped from them.
 *
 * The Makefile defines __XEN_INTERFACE_VERSION__ as the newest one. That
 * matters: left undefined it counts as 0, the headers then speak the dialect
 * of 2004, and sched_op becomes another hypercall that takes SCHEDOP_shutdown's
 * *pointer* for the reason.
 */
#ifndef XEN_INTERFACE_H
#define XEN_INTERFACE_H

#include "types.h"

#include <xen/xen.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#include <xen/errno.h>

#endif
