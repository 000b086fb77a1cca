# SPDX-License-Identifier: GPL-2.0-only
"""How patient all of this is: SLOW=n, a factor for limits in seconds of the clock, for a machine that is slow or busy."""

import os
import re

_given = os.environ.get("SLOW") or "1"
SLOW = int(_given) if re.fullmatch("[1-9][0-9]{0,2}", _given) else 1  # tools/boot and make refuse what is no factor


def patiently(seconds: float) -> float:
    return seconds * SLOW
