"""Running a loop function on given arguments, interpreted or compiled, and comparing two results.

In: a function with the module that it stands in. Out: what it left in each argument. A `Runner`
keeps what it ran and built, since the program after one step is the program before the next.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.arith.analyzer import Analyzer
from pellucid.driver.build import build
from pellucid.interp import run_prim_func
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.scalar import IntImm, Range, Var
from pellucid.ir.visitor import pre_order, substitute
from pellucid.testing.tolerance import tolerance_of
from pellucid.testing.validate_inputs import limits_of
from pellucid.tir.block import BlockRealize
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import For, IfThenElse, SeqStmt, While

Array = np.ndarray[Any, Any]
# How many functions a runner keeps results and compiled code of.
KEPT = 4
# Results of more bytes than this are not kept.
SMALL = 1 << 22


def iterations(func: PrimFunc, sizes: Mapping[Var, int]) -> float:
    """How many statements run at most, for these sizes; infinite where that is not known."""
    values = {var: IntImm(var.dtype, value) for var, value in sizes.items()}
    analyzer = Analyzer()

    def count(stmt: Any) -> float:
        if isinstance(stmt, For):
            low, extent = substitute(stmt.min, values), substitute(stmt.extent, values)
            analyzer.bind(stmt.loop_var, Range(min=low, extent=extent), allow_override=True)
            times = float(analyzer.const_int_bound(extent).max_value)
            return max(times, 0.0) * count(stmt.body) if times > 0 else 0.0
        if isinstance(stmt, BlockRealize):
            init = 0.0 if stmt.block.init is None else count(stmt.block.init)
            return init + count(stmt.block.body)
        if isinstance(stmt, SeqStmt):
            return sum(count(each) for each in stmt.seq)
        if isinstance(stmt, IfThenElse):
            other = 0.0 if stmt.else_case is None else count(stmt.else_case)
            return max(count(stmt.then_case), other)
        if isinstance(stmt, While):
            return math.inf
        body = getattr(stmt, "body", None)
        return 1.0 if body is None else count(body)

    return count(func.body)


def copies(args: Sequence[Any]) -> list[Any]:
    """The arguments, arrays as copies."""
    return [each.copy() if isinstance(each, np.ndarray) else each for each in args]


def with_callees(func: PrimFunc, module: IRModule, name: str) -> IRModule:
    """The module with the function and the loop functions that it calls, directly or not."""
    kept: dict[GlobalVar, Any] = {}
    pending: list[tuple[GlobalVar, PrimFunc]] = [(module.get_global_var(name), func)]
    while pending:
        var, each = pending.pop()
        kept[var] = each
        for node in pre_order(each.body):
            if isinstance(node, GlobalVar) and node not in kept:
                callee = module.get(node)
                if isinstance(callee, PrimFunc):
                    pending.append((node, callee))
    return IRModule(kept)


class Runner:
    """Runs functions of modules, and remembers what it did for the last few of them."""

    def __init__(self) -> None:
        self._results: dict[Any, tuple[PrimFunc, list[Any]]] = {}
        self._built: dict[int, tuple[PrimFunc, Any]] = {}

    def interpreted(self, func: PrimFunc, module: IRModule, name: str, args: list[Any]) -> Any:
        """What the interpreter leaves in the arguments, and the value that it returns."""
        mine = copies(args)
        value = run_prim_func(func, tuple(mine), module, name)
        return [*mine, value]

    def compiled(self, func: PrimFunc, module: IRModule, name: str, args: list[Any]) -> Any:
        """What code with checked bounds leaves in the arguments, and the value that it returns."""
        found = self._built.get(id(func))
        if found is None:
            library = build(with_callees(func, module, name), bounds_check=True)
            found = self._built[id(func)] = (func, library[name])
            _forget(self._built)
        mine = copies(args)
        value = found[1](*mine)
        return [*mine, value]

    def results(
        self, func: PrimFunc, module: IRModule, name: str, args: list[Any], native: bool
    ) -> list[Any]:
        """What the function leaves in the arguments, and the value that it returns."""
        mark = (id(func), native, _digest(args))
        found = self._results.get(mark)
        if found is None:
            way = self.compiled if native else self.interpreted
            found = (func, way(func, module, name, args))
            if sum(getattr(each, "nbytes", 0) for each in args) <= SMALL:
                self._results[mark] = found
                _forget(self._results, 4)
        return found[1]


def _digest(args: list[Any]) -> str:
    """What tells arguments apart."""
    found = hashlib.sha256()
    for each in args:
        values = np.asarray(each)
        found.update(f"{values.dtype.name}{values.shape}".encode())
        found.update(np.ascontiguousarray(values).tobytes())
    return found.hexdigest()


def _forget(table: dict[Any, Any], times: int = 1) -> None:
    """Drop the oldest entries."""
    while len(table) > KEPT * times:
        table.pop(next(iter(table)))


def differences(before: Array, after: Array, dtype: str, operations: str) -> Array:
    """Where two arrays of one shape differ beyond the table; NaN agrees with NaN."""
    if "float" not in dtype:
        return np.asarray(before != after)
    bound = tolerance_of(dtype, operations)
    a, b = after.astype(np.float64), before.astype(np.float64)
    with np.errstate(all="ignore"):
        near = np.abs(a - b) <= bound.atol + bound.rtol * np.abs(b)
    close = near & np.isfinite(a) & np.isfinite(b)
    return np.asarray(~(close | (a == b) | (np.isnan(a) & np.isnan(b))))


def moves_as_much(before: Array, after: Array, moved: Array) -> Array:
    """Where a small change of the inputs moves a result by as much as the two differ."""
    a, b, c = (each.astype(np.float64) for each in (after, before, moved))
    with np.errstate(all="ignore"):
        shift = np.abs(c - b)
        return np.asarray((np.abs(a - b) <= 2 * shift) & np.isfinite(a) & np.isfinite(b))


def nudged(args: Sequence[Any], seed: int) -> list[Any]:
    """The arguments with every float changed by some units in its last places."""
    rng = np.random.default_rng(seed)
    found: list[Any] = []
    for each in args:
        values: Array = np.asarray(each)
        if isinstance(each, np.ndarray) and "float" in values.dtype.name:
            eps = float(limits_of(values.dtype).eps)
            step = 64 * eps * rng.choice([-1, 1], values.shape)
            with np.errstate(all="ignore"):
                found.append((values.astype(np.float64) * (1 + step)).astype(values.dtype))
        else:
            found.append(each)
    return found
