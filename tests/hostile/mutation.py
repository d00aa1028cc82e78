"""Damage to files, as a fuzzer does it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

EXTREME = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
Change = Callable[[bytearray, random.Random, Sequence[bytes]], None]


def flip(data: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    for _ in range(dice.choice((1, 3, 10, 100))):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def early_flip(data: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    """In the header, where sizes stand."""
    for _ in range(dice.choice((1, 2, 4))):
        data[dice.randrange(min(len(data), 200))] ^= 1 << dice.randrange(8)


def overwrite(data: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    width = dice.choice((1, 2, 4))
    at = dice.randrange(min(len(data), dice.choice((64, 400, len(data)))))
    value = dice.choice(EXTREME) & (1 << 8 * width) - 1
    data[at : at + width] = value.to_bytes(width, dice.choice(("big", "little")))


def cut(data: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    del data[dice.randrange(len(data)) :]


def remove(data: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    at = dice.randrange(len(data))
    del data[at : at + dice.choice((1, 4, 30, 500))]


def repeat(data: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    at, size = dice.randrange(len(data)), dice.choice((1, 4, 30, 500))
    data[at:at] = data[at : at + size] * dice.choice((1, 10, 300))


def insert(data: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    at = dice.randrange(len(data))
    data[at:at] = dice.randbytes(dice.choice((1, 4, 100)))


def splice(data: bytearray, dice: random.Random, others: Sequence[bytes]) -> None:
    other = dice.choice(others)
    data[dice.randrange(len(data)) :] = other[dice.randrange(len(other)) :]


CHANGES: tuple[Change, ...] = (
    flip, early_flip, overwrite, cut, remove, repeat, insert, splice,
)  # fmt: skip


def mutated(good: Sequence[bytes], dice: random.Random) -> bytes:
    """Return one of the good files, changed one to four times."""
    data = bytearray(dice.choice(good))
    for _ in range(dice.choice((1, 1, 2, 4))):
        if data:
            dice.choice(CHANGES)(data, dice, good)
    return bytes(data)
