/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What this Xen can do beyond the minimum.
 *
 * Called by xen_start_kernel(), and by whoever wants to use a feature.
 */
#include "console.h"
#include "hypercall.h"
#include "xen-ops.h"

static u32 features[XENFEAT_NR_SUBMAPS];

void xen_setup_features(void)
{
	for (u32 i = 0; i < XENFEAT_NR_SUBMAPS; i++) {
		struct xen_feature_info info = {.submap_idx = i};

		hypercall_must(
			HYPERVISOR_xen_version(XENVER_get_features, &info),
			"xen_version(XENVER_get_features), submap %u", i);
		features[i] = info.submap;
	}
}

/* Every Xen has some, so none means that nobody has asked. */
bool xen_feature(unsigned int feature)
{
	if (!features[0])
		panic("features: feature %u was asked for, but none of those of Xen are known",
		      feature);
	return features[feature / 32] & (1U << feature % 32);
}
