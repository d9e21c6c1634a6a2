"""The order of struct infos: does every value of one info fit another, and what do two share.

In: two struct infos. Out: one of four verdicts (`struct_info_base_check`), or the least common
ancestor (`struct_info_lca`). Dimensions are compared by proof (`pellucid.arith`): what cannot be
proved equal may still be equal when the program runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm
from pellucid.ir.structural import structural_equal
from pellucid.relax.struct_info import (
    FuncStructInfo,
    ObjectStructInfo,
    PrimStructInfo,
    ShapeStructInfo,
    StructInfo,
    TensorStructInfo,
    TupleStructInfo,
    is_base_of_hook,
)


class BaseCheckResult(IntEnum):
    """The verdict of a base check; of several the least counts.

    FAIL_L0: no value of the one can be a value of the other. FAIL_L1: only a cast could make it
    one. FAIL_L2: it may be one, which has to be checked when the program runs. PASS: it always is.
    """

    FAIL_L0 = 0
    FAIL_L1 = 1
    FAIL_L2 = 2
    PASS = 3


FAIL_L0, FAIL_L1, FAIL_L2, PASS = BaseCheckResult

Prover = Callable[[PrimExpr, PrimExpr], bool]


def prove_equal(a: PrimExpr, b: PrimExpr) -> bool:
    """Whether two dimensions are proved to be equal for all values of their variables."""
    if a is b:
        return True
    if isinstance(a, IntImm) and isinstance(b, IntImm):
        return a.value == b.value
    return structural_equal(a, b) or Analyzer().can_prove_equal(a, b)


def _worst(results: Iterable[BaseCheckResult]) -> BaseCheckResult:
    return min(results, default=PASS)


def _values(base: PrimExpr | None, derived: PrimExpr | None, prover: Prover) -> BaseCheckResult:
    if base is None:
        return PASS
    if derived is None:
        return FAIL_L2
    if prover(base, derived):
        return PASS
    both = isinstance(base, IntImm) and isinstance(derived, IntImm)
    return FAIL_L0 if both else FAIL_L2


def _dims(
    base: tuple[PrimExpr, ...], derived: tuple[PrimExpr, ...], prover: Prover
) -> BaseCheckResult:
    if len(base) != len(derived):
        return FAIL_L0
    return _worst(_values(a, b, prover) for a, b in zip(base, derived, strict=True))


def _ranks(base: int, derived: int) -> BaseCheckResult:
    if base in (-1, derived):
        return PASS
    return FAIL_L1 if derived == -1 else FAIL_L0


def _shape(base: ShapeStructInfo, derived: ShapeStructInfo, prover: Prover) -> BaseCheckResult:
    ranks = _ranks(base.ndim, derived.ndim)
    if ranks is not PASS or base.values is None:
        return ranks
    return FAIL_L2 if derived.values is None else _dims(base.values, derived.values, prover)


def _tensor(base: TensorStructInfo, derived: TensorStructInfo, prover: Prover) -> BaseCheckResult:
    if base.dtype in ("", derived.dtype):
        dtypes = PASS
    else:
        dtypes = FAIL_L1 if derived.dtype == "" else FAIL_L0
    ranks = _ranks(base.ndim, derived.ndim)
    if min(dtypes, ranks) is not PASS:
        return min(dtypes, ranks)
    return min(_vdevice(base, derived), _tensor_shape(base.shape, derived.shape, prover))


def _vdevice(base: TensorStructInfo, derived: TensorStructInfo) -> BaseCheckResult:
    if base.vdevice is None:
        return PASS
    if derived.vdevice is None:
        return FAIL_L1
    return PASS if structural_equal(base.vdevice, derived.vdevice) else FAIL_L0


def _tensor_shape(base: Any, derived: Any, prover: Prover) -> BaseCheckResult:
    if base is None or base is derived:
        return PASS
    if derived is None:
        return FAIL_L2
    if not base.is_variable and not derived.is_variable:
        return _dims(base.values, derived.values, prover)
    return FAIL_L2


def _tuple(base: TupleStructInfo, derived: TupleStructInfo, prover: Prover) -> BaseCheckResult:
    if len(base.fields) != len(derived.fields):
        return FAIL_L0
    pairs = zip(base.fields, derived.fields, strict=True)
    return _worst(struct_info_base_check(a, b, prover) for a, b in pairs)


def _function(base: FuncStructInfo, derived: FuncStructInfo, prover: Prover) -> BaseCheckResult:
    if base.purity and not derived.purity:
        return FAIL_L0
    if base.params is None:
        if base.derive_func is not None:
            return PASS if base.derive_func is derived.derive_func else FAIL_L2
        return struct_info_base_check(base.ret, derived.ret, prover)
    if derived.params is None:
        return FAIL_L2
    if structural_equal(base, derived.replace(purity=base.purity)):
        return PASS
    if len(base.params) != len(derived.params):
        return FAIL_L0
    # Parameters of different functions have symbolic variables of their own, so a mismatch that a
    # cast could mend is only "unknown" here.
    params = _worst(
        FAIL_L2 if found is FAIL_L1 else found
        for a, b in zip(base.params, derived.params, strict=True)
        for found in [struct_info_base_check(a, b, prover)]
    )
    return min(params, struct_info_base_check(base.ret, derived.ret, prover))


def _prim(base: PrimStructInfo, derived: PrimStructInfo, prover: Prover) -> BaseCheckResult:
    return FAIL_L0 if base.dtype != derived.dtype else _values(base.value, derived.value, prover)


_CHECKS: dict[type[StructInfo], Callable[[Any, Any, Prover], BaseCheckResult]] = {
    PrimStructInfo: _prim,
    ShapeStructInfo: _shape,
    TensorStructInfo: _tensor,
    TupleStructInfo: _tuple,
    FuncStructInfo: _function,
}


def struct_info_base_check(
    base: StructInfo, derived: StructInfo, prover: Prover = prove_equal
) -> BaseCheckResult:
    """Whether every value that `derived` describes is one that `base` describes."""
    if base is derived or isinstance(base, ObjectStructInfo):
        return PASS
    if type(base) is not type(derived):
        return FAIL_L1 if isinstance(derived, ObjectStructInfo) else FAIL_L0
    return _CHECKS[type(base)](base, derived, prover)


def is_base_of(base: StructInfo, derived: StructInfo) -> bool:
    """Whether every value of `derived` is certainly a value of `base`."""
    return struct_info_base_check(base, derived) is PASS


is_base_of_hook.fill(is_base_of)


def struct_info_lca(a: StructInfo, b: StructInfo) -> StructInfo:
    """The most that is known of a value described by `a` or by `b`.

    Tensors of different dtype or rank leave that part unknown, dimensions that are not proved equal
    are dropped, and infos of different kinds share only that they are objects.
    """
    if a is b or is_base_of(a, b):
        return a
    if is_base_of(b, a):
        return b
    if type(a) is not type(b):
        return ObjectStructInfo()
    return _COMMON[type(a)](a, b)


def _common_prim(a: PrimStructInfo, b: PrimStructInfo) -> StructInfo:
    return PrimStructInfo(a.dtype) if a.dtype == b.dtype else ObjectStructInfo()


def _common_shape(a: ShapeStructInfo, b: ShapeStructInfo) -> StructInfo:
    return ShapeStructInfo(None, a.ndim if a.ndim == b.ndim else -1)


def _common_tensor(a: TensorStructInfo, b: TensorStructInfo) -> StructInfo:
    same_device = a.vdevice is b.vdevice or structural_equal(a.vdevice, b.vdevice)
    same_shape = (
        a.shape is not None
        and b.shape is not None
        and _tensor_shape(a.shape, b.shape, prove_equal) is PASS
    )
    return TensorStructInfo(
        a.shape if same_shape else None,
        a.dtype if a.dtype == b.dtype else "",
        a.vdevice if same_device else None,
        a.ndim if a.ndim == b.ndim else -1,
    )


def _common_tuple(a: TupleStructInfo, b: TupleStructInfo) -> StructInfo:
    if len(a.fields) != len(b.fields):
        return ObjectStructInfo()
    pairs = zip(a.fields, b.fields, strict=True)
    return TupleStructInfo([struct_info_lca(x, y) for x, y in pairs])


def _common_function(a: FuncStructInfo, b: FuncStructInfo) -> StructInfo:
    purity = a.purity and b.purity
    ret = struct_info_lca(a.ret, b.ret)
    if a.params is not None and b.params is not None and len(a.params) == len(b.params):
        pairs = list(zip(a.params, b.params, strict=True))
        if all(is_base_of(x, y) and is_base_of(y, x) for x, y in pairs):
            return FuncStructInfo(a.params, ret, purity)
    return FuncStructInfo.opaque_func(ret=ret, purity=purity)


_COMMON: dict[type[StructInfo], Callable[[Any, Any], StructInfo]] = {
    PrimStructInfo: _common_prim,
    ShapeStructInfo: _common_shape,
    TensorStructInfo: _common_tensor,
    TupleStructInfo: _common_tuple,
    FuncStructInfo: _common_function,
}
