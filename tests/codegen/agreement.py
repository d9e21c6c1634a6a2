"""Runs one loop function twice, interpreted and compiled, and compares what they leave behind."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.driver.build import build
from pellucid.driver.pipeline import lowering
from pellucid.interp import run
from pellucid.ir.module import IRModule
from pellucid.ir.transform import PassContext
from pellucid.testing.tolerance import assert_agree
from pellucid.tir.function import PrimFunc

Array = np.ndarray[Any, Any]


def copies(args: tuple[Any, ...]) -> list[Any]:
    """The arguments, arrays as copies."""
    return [each.copy() if isinstance(each, np.ndarray) else each for each in args]


def agree(func: PrimFunc, *args: Any, operations: str = "arithmetic", **options: Any) -> list[Any]:
    """Compile, run, and compare with the interpreter; gives what the compiled code left."""
    expected, actual = copies(args), copies(args)
    wanted = run(func, *expected)
    found = build(func, **options)(*actual)
    assert_agree(np.asarray(found or 0), np.asarray(wanted or 0), operations, "result")
    for position, (one, other) in enumerate(zip(actual, expected, strict=True)):
        if isinstance(one, np.ndarray):
            assert_agree(one, other, operations, f"argument {position}")
    return actual


def stages_agree(func: PrimFunc, *args: Any) -> None:
    """After each lowering stage the interpreter finds the same."""
    expected = copies(args)
    run(func, *expected)
    name = str(func.attrs.get("global_symbol", "main"))
    mod = IRModule({name: func})
    for stage in lowering().passes:
        with PassContext(config={"verify": True}):
            mod = stage(mod)
        actual = copies(args)
        run(mod[name], *actual)
        for one, other in zip(actual, expected, strict=True):
            if isinstance(one, np.ndarray):
                assert_agree(one, other, "exact", repr(stage))


def random(shape: tuple[int, ...], dtype: Any = "float32", seed: int = 0) -> Array:
    """Random values of a dtype."""
    generator = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return generator.integers(max(limits.min, -100), 100, shape).astype(kind)
    if kind.kind == "b":
        return generator.integers(0, 2, shape).astype(kind)
    return generator.uniform(-4, 4, shape).astype(np.float32).astype(kind)
