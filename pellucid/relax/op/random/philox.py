"""The generator: four words of 32 bits from a counter and a key, without state.

In: a 64-bit key (the seed) and a 64-bit counter (the position of an element). Out: words, as scalar
expressions or as NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.ir import arithmetic as ar
from pellucid.ir.scalar import Let, Var
from pellucid.relax.op.reference import np

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
STEPS = (0x9E3779B9, 0xBB67AE85)
MASK = 0xFFFFFFFF


def _word(value: int) -> Any:
    return ar.const(value & MASK, "uint32")


def _halves(value: Any) -> tuple[Any, Any]:
    """The low and the high word of an expression of 64 bits."""
    low = ar.cast_to("uint32", ar.bitwise_and(value, ar.const(MASK, "uint64")))
    high = ar.cast_to("uint32", ar.shift_right(value, ar.const(32, "uint64")))
    return low, high


def _product(factor: int, word: Any) -> tuple[Any, Any]:
    """The low and the high word of a product."""
    wide = ar.cast_to("uint64", word) * ar.const(factor, "uint64")
    return _halves(wide)


def random_bits(seed: Any, position: Any, use: Callable[[list[Any]], Any]) -> Any:
    """`use(words)` for the four words that belong to a position, as a scalar expression."""
    lets: list[tuple[Var, Any]] = []

    def named(name: str, value: Any) -> Var:
        var = Var(name, value.dtype)
        lets.append((var, value))
        return var

    key = list(_halves(named("seed", ar.cast_to("uint64", seed))))
    key = [named("key", each) for each in key]
    counter = _halves(named("counter", ar.cast_to("uint64", position)))
    words: list[Any] = [*[named("c", each) for each in counter], _word(0), _word(0)]
    for number in range(ROUNDS):
        low0, high0 = _product(MULTIPLIERS[0], words[0])
        low1, high1 = _product(MULTIPLIERS[1], words[2])
        k0 = key[0] + _word(number * STEPS[0])
        k1 = key[1] + _word(number * STEPS[1])
        mixed0 = ar.bitwise_xor(ar.bitwise_xor(high1, words[1]), k0)
        mixed1 = ar.bitwise_xor(ar.bitwise_xor(high0, words[3]), k1)
        words = [named("x", each) for each in (mixed0, low1, mixed1, low0)]
    result = use(words)
    for var, value in reversed(lets):
        result = Let(var, value, result)
    return result


def reference_bits(seed: int, count: int) -> list[Any]:
    """The four words for positions 0 up to `count`, as uint64 arrays of 32-bit values."""
    mask = np.uint64(MASK)
    whole = np.arange(count, dtype=np.uint64)
    words = [whole & mask, whole >> np.uint64(32), np.zeros(count, np.uint64)]
    words.append(words[2])
    key = [seed & MASK, (seed >> 32) & MASK]
    for number in range(ROUNDS):
        first = words[0] * np.uint64(MULTIPLIERS[0])
        second = words[2] * np.uint64(MULTIPLIERS[1])
        k0 = np.uint64((key[0] + number * STEPS[0]) & MASK)
        k1 = np.uint64((key[1] + number * STEPS[1]) & MASK)
        words = [
            (second >> np.uint64(32)) ^ words[1] ^ k0,
            second & mask,
            (first >> np.uint64(32)) ^ words[3] ^ k1,
            first & mask,
        ]
    return words
