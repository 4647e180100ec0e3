"""So many wrong logins at once, from a process of its own: `python -P -m tests.bench.guessers PORT COUNT`.

Prints the seconds until each had its answer, as JSON."""

from __future__ import annotations

import asyncio
import json
import sys

from tests.bench.typists import guess


async def main(port: int, count: int) -> None:
    print(json.dumps(sorted(await asyncio.gather(*(guess(port) for _ in range(count))))))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
