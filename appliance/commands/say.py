"""How a command says that something went wrong: what, and what to do next."""

from __future__ import annotations

import sys


def complain(text: str, hint: str = "") -> None:
    print(f"callisto: {text}", file=sys.stderr)
    if hint:
        print(f"  {hint}", file=sys.stderr)
