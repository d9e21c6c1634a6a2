"""Calls as each generation spells them: `call_tir(f, args, shape, dtype=…)`, `type_args=`,
`out_ty=`, and `match_shape`.

Each function takes today's form and the others, and builds what today's form builds.
"""

from __future__ import annotations

from typing import Any, cast

from pellucid.compat.tvm.table import tell
from pellucid.ir.expr_base import GlobalVar
from pellucid.relax import call
from pellucid.relax.expr import Call, ExternFunc, ShapeExpr, StringImm
from pellucid.relax.struct_info import ShapeStructInfo, TensorStructInfo
from pellucid.script.parser.relax_records import MatchCastSpec
from pellucid.script.parser.relax_types import has_info, resolve
from pellucid.support.errors import TypeMismatchError


def _one_of(name: str, **given: Any) -> Any:
    """The only argument that was given, of those that mean the same."""
    found = {key: value for key, value in given.items() if value is not None}
    if len(found) != 1:
        raise TypeMismatchError(
            f"{name} takes its result once.",
            expected=f"one of {', '.join(given)}",
            found=", ".join(found) or "none of them",
            cure=f"write {name}(callee, args, out_sinfo=R.Tensor(shape, dtype))",
        )
    return next(iter(found.values()))


def _is_info(value: Any) -> bool:
    if isinstance(value, list | tuple):
        items = cast("list[Any]", value)
        return bool(items) and all(_is_info(each) for each in items)
    return has_info(value)


def _infos(info: Any) -> Any:
    """Struct infos of what stands for them, such as a bare `R.Tensor`."""
    if isinstance(info, list | tuple):
        return [_infos(each) for each in cast("list[Any]", info)]
    return resolve(info)


def _of_shape(name: str, shape: Any, dtype: Any) -> Any:
    """The first generation's shape and dtype, or lists of them, as struct infos."""
    if dtype is None:
        raise TypeMismatchError(
            f"{name} was given a shape without a dtype.",
            cure=f"write {name}(callee, args, out_sinfo=R.Tensor(shape, dtype))",
        )
    items = list(cast("list[Any]", shape)) if isinstance(shape, list | tuple) else []
    if any(isinstance(each, list | tuple | ShapeExpr) for each in items):
        dtypes: list[Any] = [dtype] * len(items) if isinstance(dtype, str) else list(dtype)
        if len(dtypes) != len(items):
            raise TypeMismatchError(
                f"{name} was given lists of different lengths.",
                expected=f"{len(items)} dtypes, one for each shape",
                found=str(len(dtypes)),
            )
        return [TensorStructInfo(s, d) for s, d in zip(items, dtypes, strict=True)]
    return TensorStructInfo(shape, dtype)


def _result(name: str, out: Any, dtype: Any) -> Any:
    """The result as struct infos, from today's form or from a shape and a dtype."""
    form = "3-dps-shape-dtype" if name == "call_dps_packed" else "1.3-call-tir-shape-dtype"
    if _is_info(out):
        if dtype is not None:
            raise TypeMismatchError(f"{name} was given a dtype beside a struct info.")
        return _infos(out)
    tell(form)
    return _of_shape(name, out, dtype)


def call_tir(
    gvar: Any,
    args: Any,
    out: Any = None,
    dtype: Any = None,
    *,
    tir_vars: Any = None,
    out_sinfo: Any = None,
    out_ty: Any = None,
    shape: Any = None,
) -> Call:
    """A call of a loop function that allocates its outputs; see `relax.call.call_tir`.

    The result is a struct info (`out_sinfo`, later `out_ty`), or as in the first generation a shape
    and a dtype, or lists of them. A callee that is a name or an `ExternFunc` makes it
    `call_dps_packed`.
    """
    given = _one_of("call_tir", out_sinfo=out_sinfo, out_ty=out_ty, shape=shape, out=out)
    if isinstance(gvar, str | ExternFunc | StringImm):
        tell("1.3-call-tir-string")
        callee = gvar.value if isinstance(gvar, StringImm) else gvar
        return call.call_dps_packed(callee, args, _result("call_tir", given, dtype))
    return call.call_tir(gvar, args, _result("call_tir", given, dtype), tir_vars)


def call_dps_packed(
    func: Any,
    args: Any,
    out: Any = None,
    dtype: Any = None,
    *,
    out_sinfo: Any = None,
    out_ty: Any = None,
) -> Call:
    """A call of a packed function that writes its outputs; see `relax.call.call_dps_packed`."""
    given = _one_of("call_dps_packed", out_sinfo=out_sinfo, out_ty=out_ty, out=out)
    if isinstance(func, GlobalVar):
        # The function of the module is found by its symbol when the program runs.
        func = func.name_hint
    return call.call_dps_packed(func, args, _result("call_dps_packed", given, dtype))


def call_tir_inplace(
    gvar: Any,
    args: Any,
    inplace_indices: Any,
    out_sinfo: Any = None,
    tir_vars: Any = None,
    *,
    out_ty: Any = None,
) -> Call:
    """As `call_tir`, writing into arguments; see `relax.call.call_tir_inplace`."""
    given = _one_of("call_tir_inplace", out_sinfo=out_sinfo, out_ty=out_ty)
    return call.call_tir_inplace(gvar, args, inplace_indices, _infos(given), tir_vars)


def _sinfo_args(name: str, sinfo_args: Any, type_args: Any, ty_args: Any) -> Any:
    found = sinfo_args
    if type_args is not None:
        tell("4-type-args", f"{name}(..., type_args=...)")
        found = type_args
    found = ty_args if found is None else found
    if found is None:
        return None
    return _infos(found) if isinstance(found, list | tuple) else [_infos(found)]


def call_packed(
    func: Any,
    *args: Any,
    sinfo_args: Any = None,
    type_args: Any = None,
    ty_args: Any = None,
    **attrs: Any,
) -> Call:
    """A direct call of a packed function; see `relax.call.call_packed`."""
    infos = _sinfo_args("call_packed", sinfo_args, type_args, ty_args)
    return call.call_packed(func, *args, sinfo_args=infos, **attrs)


def call_pure_packed(
    func: Any, *args: Any, sinfo_args: Any = None, type_args: Any = None, ty_args: Any = None
) -> Call:
    """As `call_packed`, without effects; see `relax.call.call_pure_packed`."""
    infos = _sinfo_args("call_pure_packed", sinfo_args, type_args, ty_args)
    return call.call_pure_packed(func, *args, sinfo_args=infos)


def match_shape(value: Any, shape: Any) -> MatchCastSpec:
    """The first generation's `match_cast`: `value` (a tensor or a shape) has this shape, whose new
    names are bound.
    """
    info = getattr(value, "struct_info_", None)
    if isinstance(info, ShapeStructInfo):
        return MatchCastSpec(value, ShapeStructInfo(shape))
    dtype = info.dtype if isinstance(info, TensorStructInfo) else None
    return MatchCastSpec(value, TensorStructInfo(shape, dtype))
