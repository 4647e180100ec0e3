"""One flipped bit under a checksum of the write-ahead log: which one it was. Pure.

The checksum is linear modulo 2^32, so what one bit adds to it depends only on its place, and a wrong sum
names the bit. Its weights are Fibonacci numbers, whose low bits recur: of a page of 4096 bytes the 23 low
bits of each word can be told from all others, the 9 high ones cannot.
"""

from __future__ import annotations

from functools import lru_cache

_MODULUS = 1 << 32


def one_bit(
    order: str, found: tuple[int, int], stored: tuple[int, ...], body: bytes
) -> tuple[int, int] | None:
    """The byte of `body` and the mask by which `found` becomes `stored`; None if no bit does it, or several
    would."""
    only: tuple[int, int] | None = None
    wanted = ((stored[0] - found[0]) % _MODULUS, (stored[1] - found[1]) % _MODULUS)
    for index, (one, two) in enumerate(_weights(len(body) // 4)):
        for bit in range(32):
            step = 1 << bit
            byte = index * 4 + (bit // 8 if order == "<" else 3 - bit // 8)
            mask = 1 << bit % 8
            if body[byte] & mask:
                step = -step
            if one * step % _MODULUS == wanted[0] and two * step % _MODULUS == wanted[1]:
                if only is not None:
                    return None
                only = byte, mask
    return only


@lru_cache(maxsize=4)
def _weights(words: int) -> tuple[tuple[int, int], ...]:
    """What 1 in each word adds to the two sums."""
    found: list[tuple[int, int]] = []
    after_first, after_second = (1, 1), (0, 1)  # of the last pair: s1 += x, s2 += s1; s2 += y
    for _ in range(words // 2):
        found += [after_second, after_first]
        after_first, after_second = _next(after_first), _next(after_second)
    return tuple(reversed(found))


def _next(sums: tuple[int, int]) -> tuple[int, int]:
    """One more pair of words follows: s1 += s2, then s2 += s1."""
    one = (sums[0] + sums[1]) % _MODULUS
    return one, (sums[1] + one) % _MODULUS
