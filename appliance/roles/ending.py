"""How a service process is asked to end."""

from __future__ import annotations

import signal


def end_within(seconds: int) -> None:
    """Let the kernel end this process if it is still there after `seconds`, even from inside native code: a
    supervisor that was killed cannot do it."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)
