"""Math functions on demand: `emit_math` adds the code of one to a module, `call_math` calls it.

All are our own and call no library. They are internal functions of the module for one dtype and
number of lanes, marked for inlining, so that a kernel gets straight vector code. The measured bound
on each one's error is in `math_table.py`.

float16, bfloat16 and the fp8 types compute in float32 and round the result once more.
"""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.codegen.llvm import (
    math_erf,
    math_exp,
    math_log,
    math_pow,
    math_round,
    math_trig,
)
from pellucid.codegen.llvm.convert import convert
from pellucid.codegen.llvm.math_core import FUNCTIONS, Kit, MathFunction
from pellucid.codegen.llvm.text import Function, Module
from pellucid.codegen.llvm.types import register_type, split, with_lanes
from pellucid.codegen.llvm.value import Value
from pellucid.support.errors import UnsupportedError, did_you_mean

# Importing the families fills the table.
FAMILIES = (math_exp, math_log, math_trig, math_pow, math_erf, math_round)

INTEGER_FUNCTIONS = ("popcount", "clz")
NAMES: tuple[str, ...] = (*FUNCTIONS, *INTEGER_FUNCTIONS)


def _find(name: str, dtype: str) -> MathFunction:
    found = FUNCTIONS.get(name)
    if found is None:
        raise UnsupportedError(
            f"There is no math function {name!r} for {dtype}.", cure=did_you_mean(name, NAMES)
        )
    return found


def operand_dtypes(name: str, dtype: str) -> tuple[str, ...]:
    """The dtypes of the operands of `name` for results of `dtype`, all with its lanes."""
    if name in INTEGER_FUNCTIONS:
        return (dtype,)
    lanes = split(dtype)[1]
    kinds = _find(name, dtype).operands
    return tuple(dtype if kind == "x" else with_lanes("int32", lanes) for kind in kinds)


def result_dtype(name: str, dtype: str) -> str:
    """The dtype of the result of `name` for operands of `dtype`: itself, or bool."""
    if name not in INTEGER_FUNCTIONS and _find(name, dtype).result == "bool":
        return with_lanes("bool", split(dtype)[1])
    return dtype


def emit_math(module: Module, name: str, dtype: str, lanes: int = 1) -> str:
    """Make sure that `module` has the function `name` for `dtype` (without lanes); gives its name.

    It takes values in registers (see `types`) as `operand_dtypes` says and returns one of
    `result_dtype`. An unknown name, or a dtype that it is not for, is an `UnsupportedError`.
    """
    full = f"pellucid_{name}_{with_lanes(dtype, lanes)}"
    if module.declared(full):
        return full
    scalar = split(dtype)[0]
    wanted = ("int", "uint") if name in INTEGER_FUNCTIONS else ("float", "small")
    if scalar.kind not in wanted:
        raise UnsupportedError(
            f"The math function {name!r} is not for {dtype}.",
            expected="an integer dtype" if name in INTEGER_FUNCTIONS else "a float dtype",
            found=dtype,
        )
    wide = with_lanes(dtype, lanes)
    operands = operand_dtypes(name, wide)
    f = module.function(
        full,
        register_type(result_dtype(name, wide)),
        [(register_type(each), f"x{i}") for i, each in enumerate(operands)],
        linkage="internal",
        attributes="alwaysinline nounwind",
    )
    if name in INTEGER_FUNCTIONS:
        f.ret(math_round.count_bits(f, name, f.params[0], lanes, scalar.bits))
    elif scalar.kind == "small":
        f.ret(_through_float32(f, name, dtype, lanes))
    else:
        f.ret(_native(f, FUNCTIONS[name], dtype, lanes))
    return full


def call_math(f: Function, name: str, dtype: str, args: Sequence[Value]) -> Value:
    """The value of `name` of `args`; `dtype` (with lanes) is that of the first operand."""
    scalar, lanes = split(dtype)
    callee = emit_math(f.module, name, scalar.name, lanes)
    return f.call(callee, register_type(result_dtype(name, dtype)), list(args))


def _native(f: Function, function: MathFunction, dtype: str, lanes: int) -> Value:
    if not function.wide or dtype == "float64":
        return function.body(Kit(f, dtype, lanes), *f.params)
    k = Kit(f, dtype, lanes)
    double = with_lanes("float64", lanes)
    operands = [k.widen(x) if kind == "x" else x
                for x, kind in zip(f.params, function.operands, strict=True)]  # fmt: skip
    return k.narrow(call_math(f, function.name, double, operands))


def _through_float32(f: Function, name: str, dtype: str, lanes: int) -> Value:
    small, single = with_lanes(dtype, lanes), with_lanes("float32", lanes)
    kinds = FUNCTIONS[name].operands
    operands = [convert(f, x, small, single) if kind == "x" else x
                for x, kind in zip(f.params, kinds, strict=True)]  # fmt: skip
    result = call_math(f, name, single, operands)
    return result if FUNCTIONS[name].result == "bool" else convert(f, result, single, small)
