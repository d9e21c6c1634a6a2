"""The calls that join the levels: loop functions, packed functions, closures, built-ins.

Each function builds a `Call` of an operator record defined in this file. The records say what the
normal form, the verifier and the passes need: whether the call has effects (`FPurity`), what it
returns (`FInferStructInfo(call, builder)`), its normal form (`FNormalize(call, builder)`), and what
makes it ill-formed (`FValidate(call, module)`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.op import register_op
from pellucid.relax.base_check import BaseCheckResult, struct_info_base_check
from pellucid.relax.call_derivation import (
    SignatureMatch,
    call_tir_ret_struct_info,
    callee_name,
    given_result,
    same_dims,
)
from pellucid.relax.expr import (
    Call,
    Expr,
    ExternFunc,
    Function,
    ShapeExpr,
    StringImm,
    Tuple,
    TupleGetItem,
    as_relax_expr,
)
from pellucid.relax.struct_info import (
    FuncStructInfo,
    ObjectStructInfo,
    StructInfo,
    TensorStructInfo,
    TupleStructInfo,
)
from pellucid.relax.symbolic import signature_vars
from pellucid.support.errors import TypeMismatchError, WellFormedError
from pellucid.tir.function import PrimFunc


def as_struct_info(value: Any) -> StructInfo:
    """A struct info from one, or from a list of them (a tuple)."""
    if isinstance(value, StructInfo):
        return value
    if isinstance(value, list | tuple):
        fields = cast("list[Any]", value)
        return TupleStructInfo([as_struct_info(each) for each in fields])
    raise TypeMismatchError(
        "A struct info is wanted here.",
        expected="R.Tensor((n, m), dtype), or a list of them",
        found=f"{type(value).__name__}: {value!r:.80}",
    )


def _args_tuple(args: Any) -> Expr:
    """The arguments as one expression: a tuple, or a variable that holds a tuple."""
    if isinstance(args, Tuple):
        return args
    if isinstance(args, Expr):
        held = isinstance(args.struct_info_, TupleStructInfo)
        return args if held else Tuple((args,))
    return Tuple(args)


def _result(out_sinfo: Any, name: str) -> list[StructInfo]:
    """`sinfo_args` of the destination-passing calls, whose result must say its shapes; a list of
    one is that one output, and not a tuple.
    """
    if isinstance(out_sinfo, list) and len(cast("list[Any]", out_sinfo)) == 1:
        out_sinfo = cast("list[Any]", out_sinfo)[0]
    info = as_struct_info(out_sinfo)
    for field in info.fields if isinstance(info, TupleStructInfo) else (info,):
        if not isinstance(field, TensorStructInfo) or not isinstance(field.shape, ShapeExpr):
            raise TypeMismatchError(
                f"{name} allocates its outputs, so it has to know their shapes.",
                expected="R.Tensor with a shape and a dtype, or a list of such",
                found=repr(field),
            )
    return [info]


def _tir_vars(values: Any) -> list[Expr]:
    if values is None:
        return []
    return [values if isinstance(values, ShapeExpr) else ShapeExpr(values)]


def call_tir(gvar: GlobalVar, args: Any, out_sinfo: Any, tir_vars: Any = None) -> Call:
    """A call of the loop function `gvar` that allocates its outputs and returns them.

    `args` are the input tensors; `out_sinfo` is the output's tensor info, or a list of several;
    `tir_vars` are integers passed after all tensors. Without effects.
    """
    if not isinstance(gvar, GlobalVar):
        raise TypeMismatchError(
            "call_tir calls a loop function of the module, named by its GlobalVar.",
            found=f"{type(gvar).__name__}: {gvar!r:.80}",
            cure="call a library function with call_dps_packed(name, args, out_sinfo)",
        )
    call_args = [gvar, _args_tuple(args), *_tir_vars(tir_vars)]
    return Call(CALL_TIR, call_args, None, _result(out_sinfo, "call_tir"))


def call_tir_inplace(
    gvar: GlobalVar, args: Any, inplace_indices: Any, out_sinfo: Any, tir_vars: Any = None
) -> Call:
    """As `call_tir`, but output i is written into argument `inplace_indices[i]` (-1: a new tensor).

    The caller promises that nothing reads the old contents of those arguments afterwards; the call
    counts as free of effects.
    """
    indices = [inplace_indices] if isinstance(inplace_indices, int) else list(inplace_indices)
    call_args = [gvar, _args_tuple(args), *_tir_vars(tir_vars)]
    info = _result(out_sinfo, "call_tir_inplace")
    return Call(CALL_TIR_INPLACE, call_args, {"inplace_indices": indices}, info)


def call_dps_packed(func: str | Expr, args: Any, out_sinfo: Any) -> Call:
    """A call of the packed function `func` as `func(*args, *outputs)`; allocates the outputs and
    returns them.

    `func` is the name under which the function is registered (or the symbol of a loop function of
    the same module), or an expression. Without effects besides writing the outputs.
    """
    callee = ExternFunc(func) if isinstance(func, str) else func
    return Call(
        CALL_DPS_PACKED, [callee, _args_tuple(args)], None, _result(out_sinfo, "call_dps_packed")
    )


def _infos(sinfo_args: Any) -> list[StructInfo]:
    if sinfo_args is None:
        return []
    if isinstance(sinfo_args, StructInfo):
        return [sinfo_args]
    return [as_struct_info(each) for each in sinfo_args]


def call_packed(
    func: str | Expr, *args: Any, sinfo_args: Any = None, attrs: Any = None, **more_attrs: Any
) -> Call:
    """A direct call of a packed function, which may have effects; `sinfo_args` is its result's
    info.
    """
    callee = ExternFunc(func) if isinstance(func, str) else func
    return Call(callee, args, {**(attrs or {}), **more_attrs}, _infos(sinfo_args))


def call_pure_packed(func: str | Expr, *args: Any, sinfo_args: Any = None) -> Call:
    """As `call_packed`, with the promise that the function has no effects."""
    callee = ExternFunc(func) if isinstance(func, str) else func
    return Call(CALL_PURE_PACKED, [callee, *args], None, _infos(sinfo_args))


def make_closure(func: Expr, args: Any) -> Call:
    """A closure of the function `func` that has captured the values `args`."""
    return Call(MAKE_CLOSURE, [func, _args_tuple(args)])


def invoke_closure(closure: Expr, args: Any, sinfo_args: Any = None) -> Call:
    """A call of a closure, which may have effects."""
    return Call(INVOKE_CLOSURE, [closure, _args_tuple(args)], None, _infos(sinfo_args))


def invoke_pure_closure(closure: Expr, args: Any, sinfo_args: Any = None) -> Call:
    """A call of a closure that has no effects."""
    return Call(INVOKE_PURE_CLOSURE, [closure, _args_tuple(args)], None, _infos(sinfo_args))


def call_builtin_with_ctx(func: str | Expr, args: Any, *, sinfo_args: Any = None) -> Call:
    """A call of a built-in of the virtual machine that gets the machine as its first argument."""
    callee = ExternFunc(func) if isinstance(func, str) else func
    return Call(CALL_BUILTIN, [callee, _args_tuple(args)], None, _infos(sinfo_args))


def _declared(call: Call, builder: Any) -> StructInfo:
    """The result as `sinfo_args` declare it; any object without them."""
    del builder
    return given_result(call) or ObjectStructInfo()


def closure_struct_info(info: StructInfo | None, captured: list[StructInfo | None]) -> StructInfo:
    """The signature of a function of `info` whose last parameters are captured values."""
    if not isinstance(info, FuncStructInfo) or info.params is None:
        return ObjectStructInfo()
    count = len(info.params) - len(captured)
    if count < 0:
        raise TypeMismatchError(
            "A closure captures more values than its function has parameters.",
            expected=f"at most {len(info.params)}",
            found=str(len(captured)),
        )
    match = SignatureMatch(signature_vars(info.params[count:]))
    for index, (param, value) in enumerate(zip(info.params[count:], captured, strict=True)):
        match.bind(index, param, value)
    params = [match.instantiate(each) for each in info.params[:count]]
    return FuncStructInfo(params, match.instantiate(info.ret), info.purity)


def _closure(call: Call, builder: Any) -> StructInfo:
    captured = call.args[1]
    if not isinstance(captured, Tuple):
        return ObjectStructInfo()
    infos = [builder.info_of(each) for each in captured.fields]
    return closure_struct_info(builder.info_of(call.args[0]), infos)


def inline_tuple(value: Expr, builder: Any) -> Expr:
    """`value` as a tuple that stands in the call itself: looked up, or taken apart field by
    field.
    """
    if isinstance(value, Tuple):
        return value
    bound = builder.lookup_binding(value) if value.is_variable else None
    if isinstance(bound, Tuple):
        return bound
    info = value.struct_info_
    if not isinstance(info, TupleStructInfo):
        raise TypeMismatchError(
            "The arguments of this call must be a tuple of known length.", found=repr(info)
        )
    return Tuple([TupleGetItem(value, index) for index in range(len(info.fields))])


def _inline_args(call: Call, builder: Any) -> Call:
    """The normal form of the calls whose second argument is the tuple of arguments."""
    if len(call.args) < 2:
        return call
    args = inline_tuple(call.args[1], builder)
    if args is call.args[1]:
        return call
    return call.replace(args=(call.args[0], args, *call.args[2:]))


def _ill(call: Call, message: str, **parts: Any) -> WellFormedError:
    return WellFormedError(message, place=call.span, **parts)


def _validate_parts(call: Call, least: int, most: int) -> None:
    name = callee_name(call.op)
    if not least <= len(call.args) <= most:
        raise _ill(
            call,
            f"A call of {name} has {least} to {most} arguments.",
            expected="the callee, a tuple of arguments, and perhaps a shape of tir_vars",
            found=str(len(call.args)),
        )
    if not isinstance(call.args[1], Tuple):
        raise _ill(
            call,
            f"The arguments of {name} must be a tuple written in the call.",
            found=repr(call.args[1]),
            cure="relax.transform.Normalize() brings it into that form",
        )


def _outputs(call: Call) -> tuple[StructInfo, ...]:
    """The infos of the outputs; each a tensor of known shape and dtype."""
    name = callee_name(call.op)
    if len(call.sinfo_args) != 1:
        raise _ill(
            call,
            f"A call of {name} declares its result by exactly one struct info.",
            found=str(len(call.sinfo_args)),
        )
    info = call.sinfo_args[0]
    outputs = info.fields if isinstance(info, TupleStructInfo) else (info,)
    for each in outputs:
        shaped = isinstance(each, TensorStructInfo) and isinstance(each.shape, ShapeExpr)
        if not shaped or cast("TensorStructInfo", each).dtype == "":
            raise _ill(
                call,
                f"An output of {name} must be a tensor of known shape and dtype.",
                found=repr(each),
            )
    return outputs


def _validate_call_tir(call: Call, module: IRModule | None) -> None:
    _validate_parts(call, 2, 3)
    outputs = _outputs(call)
    callee = call.args[0]
    if not isinstance(callee, GlobalVar):
        raise _ill(call, "call_tir calls a loop function by its GlobalVar.", found=repr(callee))
    if len(call.args) == 3 and not isinstance(call.args[2], ShapeExpr):
        raise _ill(call, "The tir_vars of call_tir must be a shape.", found=repr(call.args[2]))
    if module is None or callee not in module:
        return
    function = module[callee]
    if not isinstance(function, PrimFunc):
        raise _ill(
            call,
            f"call_tir calls {callee.name_hint!r}, which is no loop function.",
            expected="a T.prim_func",
            found=f"a {type(function).__name__}",
            cure="call a graph function directly: cls.f(x)",
        )
    _validate_signature(call, function, callee.name_hint, _fresh_outputs(call, outputs))


def _fresh_outputs(call: Call, outputs: tuple[StructInfo, ...]) -> list[StructInfo]:
    """The outputs that are parameters of their own: all but those written in place."""
    if "inplace_indices" not in call.attrs:
        return list(outputs)
    indices: Sequence[int] = call.attrs["inplace_indices"]
    return [info for info, index in zip(outputs, indices, strict=True) if index == -1]


def _validate_signature(
    call: Call, function: PrimFunc, name: str, outputs: list[StructInfo]
) -> None:
    args = [each.struct_info_ for each in call.args[1]]
    numbers = cast("ShapeExpr", call.args[2]).values if len(call.args) == 3 else ()
    try:
        inferred = call_tir_ret_struct_info(function, args, len(outputs), numbers, name)
    except TypeMismatchError as error:
        raise _ill(
            call, error.message, expected=error.expected, found=error.found, cure=error.cure
        ) from None
    for index, (given, found) in enumerate(zip(outputs, inferred, strict=True)):
        if struct_info_base_check(given, found) <= BaseCheckResult.FAIL_L1:
            raise _ill(
                call,
                f"Output {index} of the call of {name!r} is declared differently from what the "
                "loop function writes.",
                expected=repr(found),
                found=repr(given),
            )


def _validate_inplace(call: Call, module: IRModule | None) -> None:
    _validate_parts(call, 2, 3)
    outputs = _outputs(call)
    indices: tuple[int, ...] = call.attrs.get("inplace_indices", ())
    args = tuple(call.args[1])
    if len(indices) != len(outputs):
        raise _ill(
            call,
            "call_tir_inplace needs one in-place index for each output.",
            expected=str(len(outputs)),
            found=str(len(indices)),
        )
    used = [each for each in indices if each != -1]
    if not used:
        raise _ill(
            call,
            "call_tir_inplace writes no argument in place.",
            cure="use call_tir, or give at least one index other than -1",
        )
    if len(set(used)) < len(used):
        raise _ill(call, "Two outputs are written into one argument.", found=str(indices))
    for index, info in zip(indices, outputs, strict=True):
        if not -1 <= index < len(args):
            raise _ill(
                call,
                "An in-place index names no argument.",
                expected=f"-1 to {len(args) - 1}",
                found=str(index),
            )
        if index >= 0 and not same_dims(args[index].struct_info, info):
            raise _ill(
                call,
                f"The output written into argument {index} differs from it in shape or dtype.",
                expected=repr(args[index].struct_info),
                found=repr(info),
            )
    _validate_call_tir(call, module)


def _validate_dps(call: Call, module: IRModule | None) -> None:
    del module
    _validate_parts(call, 2, 2)
    _outputs(call)
    callee = call.args[0]
    is_function = isinstance(callee.struct_info_, FuncStructInfo | ObjectStructInfo)
    if not isinstance(callee, GlobalVar | StringImm) and not is_function:
        raise _ill(call, "call_dps_packed calls a function.", found=repr(callee))


def _validate_callee(call: Call, module: IRModule | None) -> None:
    del module
    name = callee_name(call.op)
    if not call.args:
        raise _ill(call, f"A call of {name} names the function that it calls.")


def _validate_args(call: Call, module: IRModule | None) -> None:
    del module
    _validate_parts(call, 2, 2)


def _validate_make_closure(call: Call, module: IRModule | None) -> None:
    _validate_parts(call, 2, 2)
    callee = call.args[0]
    if module is None or not isinstance(callee, GlobalVar) or callee not in module:
        return
    function = module[callee]
    if not isinstance(function, Function):
        raise _ill(
            call,
            f"A closure is made of {callee.name_hint!r}, which is no graph function.",
            expected="an R.function",
            found=f"a {type(function).__name__}",
            cure="call a loop function with R.call_tir(cls.f, ...)",
        )


def _record(
    name: str,
    pure: bool,
    infer: Callable[[Call, Any], StructInfo],
    validate: Callable[[Call, IRModule | None], None],
    normalize: Callable[[Call, Any], Call] | None = None,
) -> Any:
    attributes: dict[str, Any] = {
        "FPurity": pure,
        "FInferStructInfo": infer,
        "FValidate": validate,
    }
    if normalize is not None:
        attributes["FNormalize"] = normalize
    return register_op(name, **attributes)


CALL_TIR = _record("relax.call_tir", True, _declared, _validate_call_tir, _inline_args)
CALL_TIR_INPLACE = _record(
    "relax.call_tir_inplace", True, _declared, _validate_inplace, _inline_args
)
CALL_DPS_PACKED = _record("relax.call_dps_packed", True, _declared, _validate_dps, _inline_args)
CALL_PURE_PACKED = _record("relax.call_pure_packed", True, _declared, _validate_callee)
MAKE_CLOSURE = _record("relax.make_closure", True, _closure, _validate_make_closure, _inline_args)
INVOKE_CLOSURE = _record("relax.invoke_closure", False, _declared, _validate_args, _inline_args)
INVOKE_PURE_CLOSURE = _record(
    "relax.invoke_pure_closure", True, _declared, _validate_args, _inline_args
)
CALL_BUILTIN = _record(
    "relax.call_builtin_with_ctx", False, _declared, _validate_args, _inline_args
)

__all__ = [
    "as_relax_expr",
    "as_struct_info",
    "call_builtin_with_ctx",
    "call_dps_packed",
    "call_packed",
    "call_pure_packed",
    "call_tir",
    "call_tir_inplace",
    "inline_tuple",
    "invoke_closure",
    "invoke_pure_closure",
    "make_closure",
]
