"""A child's side of ending with its supervisor, however that ends."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Mapping

PARENT = "CALLISTO_SUPERVISOR"
"""The pid of the process that started this one; set for every child."""

_PR_SET_PDEATHSIG = 1  # prctl(2)


def hold(env: Mapping[str, str]) -> None:
    """Get SIGTERM when the supervisor ends, even killed: nobody is left behind, and a router can still say
    goodbye to its calls. Ends this process if the supervisor is gone already. Without a supervisor, nothing.

    Called by the child itself: Python between fork and exec could hang a supervisor that has threads.
    """
    parent = env.get(PARENT)
    if not parent:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if str(os.getppid()) != parent:  # it ended before the line above
        raise SystemExit(1)
