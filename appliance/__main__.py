"""`callisto`, and `python -P -m appliance`: a command, or the process of one service."""

from __future__ import annotations

import sys

SERVICES = (
    "media",
    "router",
    "shell",
    "web",
    "repairer",
    "diagnoser",
    "snapshotter",
    "archivist",
    "restorer",
    "rehearse-update",
)
"""Started by the supervisor, or by what installs updates, and so in no help."""


def main() -> int:
    arguments = sys.argv[1:]
    if arguments and arguments[0] in SERVICES and len(arguments) == 1:
        return _serve(arguments[0])
    from appliance import cli

    return cli.main(arguments)


def _serve(service: str) -> int:
    import os
    from importlib import import_module
    from pathlib import Path

    from appliance.config import Config
    from appliance.config_settings import ConfigError
    from appliance.services import leash

    leash.hold(os.environ)
    try:
        config = Config.load(os.environ, Path.cwd())
    except ConfigError as exc:
        print(exc, file=sys.stderr)
        return 2
    result: int = import_module(f"appliance.roles.{service.replace('-', '_')}").main(config)
    return result


if __name__ == "__main__":
    sys.exit(main())
