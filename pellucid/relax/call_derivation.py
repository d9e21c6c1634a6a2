"""What a call returns, as it follows from the callee's signature and the arguments' infos.

In: a function info and a call whose arguments have infos. Out: the result's info, in terms of the
caller's symbolic variables. Also the signature of a loop function as the graph level sees it.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import BinaryOp, Cast, IntImm, SizeVar, Var
from pellucid.ir.visitor import Mutator
from pellucid.relax.base_check import BaseCheckResult, prove_equal, struct_info_base_check
from pellucid.relax.expr import Call, ExternFunc
from pellucid.relax.struct_info import (
    FuncStructInfo,
    ObjectStructInfo,
    PrimStructInfo,
    ShapeStructInfo,
    StructInfo,
    TensorStructInfo,
    TupleStructInfo,
)
from pellucid.relax.symbolic import erase_to_well_defined, signature_vars, tir_vars_in_struct_info
from pellucid.support.errors import TypeMismatchError
from pellucid.tir.function import PrimFunc


def callee_name(callee: Any) -> str:
    """How messages call a callee."""
    if isinstance(callee, GlobalVar):
        return callee.name_hint
    if isinstance(callee, Op):
        return callee.name
    if isinstance(callee, ExternFunc):
        return callee.global_symbol
    return getattr(callee, "name_hint", "a function")


class SignatureMatch:
    """Binds the symbolic variables of a signature to what the arguments show.

    A variable that stands bare is bound at its first occurrence; every later occurrence has to
    agree with that.
    """

    def __init__(self, variables: list[Var]) -> None:
        self.variables = set(variables)
        self.values: dict[Any, Any] = {}
        self.origin: dict[Var, int] = {}

    def bind(self, index: int, param: StructInfo, arg: StructInfo | None) -> None:
        """Bind the variables in the info of parameter `index` from its argument's info."""
        if isinstance(param, TensorStructInfo) and isinstance(arg, TensorStructInfo):
            self._bind_tensor(index, param, arg)
        elif isinstance(param, ShapeStructInfo) and isinstance(arg, ShapeStructInfo):
            self._bind_dims(index, param.values, arg.values)
        elif isinstance(param, PrimStructInfo) and isinstance(arg, PrimStructInfo):
            if param.value is not None and arg.value is not None:
                self._bind_dims(index, (param.value,), (arg.value,))
        elif (
            isinstance(param, TupleStructInfo)
            and isinstance(arg, TupleStructInfo)
            and len(param.fields) == len(arg.fields)
        ):
            for p, a in zip(param.fields, arg.fields, strict=True):
                self.bind(index, p, a)

    def _bind_tensor(self, index: int, param: TensorStructInfo, arg: TensorStructInfo) -> None:
        shape: Any = param.shape
        if shape is None or arg.shape is None:
            return
        if shape.is_variable:
            self.values.setdefault(shape, arg.shape)
        elif not arg.shape.is_variable:
            self._bind_dims(index, shape.values, getattr(arg.shape, "values", None))

    def _bind_dims(self, index: int, params: Any, args: Any) -> None:
        if params is None or args is None or len(params) != len(args):
            return
        for param, arg in zip(params, args, strict=True):
            if param in self.variables and param not in self.values and param.dtype == arg.dtype:
                self.values[param] = arg
                self.origin[param] = index

    def instantiate(self, info: StructInfo) -> StructInfo:
        """`info` with the bound variables replaced; unbound ones stay."""
        return erase_to_well_defined(
            info, lambda var: self.values.get(var, var), lambda var: self.values.get(var, var)
        )

    def conflict(self, info: StructInfo) -> str | None:
        """Which earlier arguments fixed the variables of `info`, for messages."""
        parts = [
            f"{each.name} = {self.values[each]!r} from argument {self.origin[each]}"
            for each in tir_vars_in_struct_info(info)
            if each in self.origin
        ]
        return ", ".join(parts) or None


def derive_call_ret_struct_info(
    func_info: FuncStructInfo, call: Call, context: Any = None
) -> StructInfo:
    """The info of the result of calling a function of `func_info` with the arguments of `call`.

    The symbolic variables of the parameters are bound from the arguments; what the result mentions
    and nothing binds is unknown, unless `context` (a `BlockBuilder`) has it in scope. An argument
    that cannot fit its parameter is a `TypeMismatchError`; one that may fit is checked at run time.
    """
    if func_info.params is None:
        return _opaque_result(func_info, call, context)
    name = callee_name(call.op)
    if len(call.args) != len(func_info.params):
        raise TypeMismatchError(
            f"The call of {name!r} has the wrong number of arguments.",
            place=call.span,
            expected=str(len(func_info.params)),
            found=str(len(call.args)),
        )
    variables = signature_vars(func_info.params)
    match = SignatureMatch(variables)
    for index, (param, arg) in enumerate(zip(func_info.params, call.args, strict=True)):
        match.bind(index, param, arg.struct_info_)
        if arg.struct_info_ is None:
            continue
        expected = match.instantiate(param)
        if struct_info_base_check(expected, arg.struct_info_) <= BaseCheckResult.FAIL_L1:
            raise argument_error(name, index, param, arg.struct_info_, match, call.span)

    def value_of(variable: Any) -> Any:
        if variable in match.values:
            return match.values[variable]
        in_scope = context is not None and context.in_scope(variable)
        return variable if in_scope and variable not in match.variables else None

    return erase_to_well_defined(func_info.ret, value_of, value_of)


def argument_error(
    name: str, index: int, param: StructInfo, arg: StructInfo, match: SignatureMatch, place: Any
) -> TypeMismatchError:
    """The error of an argument that cannot fit its parameter."""
    known = match.conflict(param)
    return TypeMismatchError(
        f"Argument {index} of the call of {name!r} does not fit its parameter.",
        place=place,
        expected=f"{param!r}" + (f", where {known}" if known else ""),
        found=repr(arg),
    )


def _opaque_result(func_info: FuncStructInfo, call: Call, context: Any) -> StructInfo:
    if func_info.derive_func is not None:
        return func_info.derive_func(call, context)
    return given_result(call) or func_info.ret


def given_result(call: Call) -> StructInfo | None:
    """The result that the call's `sinfo_args` declare: one info, or a tuple of several."""
    if not call.sinfo_args:
        return None
    return call.sinfo_args[0] if len(call.sinfo_args) == 1 else TupleStructInfo(call.sinfo_args)


class _Widen(Mutator):
    """Index expressions of a loop function as int64 expressions over variables of their own."""

    def visit_var_(self, var: Var) -> PrimExpr:
        """An int64 variable for each integer variable."""
        if var not in self.replaced:
            self.replaced[var] = SizeVar(var.name, "int64") if var.dtype != "int64" else var
        return self.replaced[var]

    def visit_int_imm_(self, value: IntImm) -> PrimExpr:
        """An int64 constant."""
        return value if value.dtype == "int64" else IntImm("int64", value.value)

    def visit_cast_(self, cast: Cast) -> PrimExpr:
        """Casts between integers fall away."""
        return self.visit(cast.value) if cast.dtype.is_integer else cast

    def visit_binary_op_(self, op: BinaryOp) -> PrimExpr:
        """The same operation of int64 operands."""
        return self.visit_default(op)


def prim_func_struct_info(function: PrimFunc) -> FuncStructInfo:
    """The signature of a loop function: a tensor for each buffer, a number for each other param.

    Dimensions are int64; the result is the empty tuple, since outputs are parameters.
    """
    widen = _Widen()
    params: list[StructInfo] = []
    for param in function.params:
        buffer = function.buffer_map.get(param)
        if buffer is not None:
            params.append(
                TensorStructInfo([widen.visit(each) for each in buffer.shape], buffer.dtype)
            )
        elif param.dtype.is_handle:
            params.append(ObjectStructInfo())
        elif param.dtype.is_integer:
            params.append(PrimStructInfo(value=widen.visit(param)))
        else:
            params.append(PrimStructInfo(param.dtype))
    return FuncStructInfo(params, TupleStructInfo(()), False)


def call_tir_ret_struct_info(
    function: PrimFunc,
    args: list[StructInfo | None],
    outputs: int,
    tir_vars: tuple[PrimExpr, ...],
    name: str,
) -> list[StructInfo]:
    """The infos of the `outputs` last tensor parameters of a loop function, for these arguments.

    `name` is the function's in messages. An argument that cannot fit, or a wrong number of them, is
    a `TypeMismatchError`.
    """
    info = prim_func_struct_info(function)
    params = list(info.params or ())
    expected = len(params) - outputs - len(tir_vars)
    if len(args) != expected:
        raise TypeMismatchError(
            f"The call of {name!r} has the wrong number of arguments.",
            expected=f"{max(expected, 0)} inputs, {outputs} outputs and {len(tir_vars)} tir_vars "
            f"for {len(params)} parameters",
            found=f"{len(args)} inputs",
        )
    match = SignatureMatch(signature_vars(params))
    for param, value in zip(params[len(args) + outputs :], tir_vars, strict=True):
        match.bind(len(args), param, PrimStructInfo(value=value))
    for index, (param, arg) in enumerate(zip(params, args, strict=False)):
        match.bind(index, param, arg)
        if arg is None:
            continue
        if struct_info_base_check(match.instantiate(param), arg) <= BaseCheckResult.FAIL_L1:
            raise argument_error(name, index, param, arg, match, None)
    return [match.instantiate(each) for each in params[len(args) : len(args) + outputs]]


def same_dims(a: StructInfo, b: StructInfo) -> bool:
    """Whether two tensor infos are proved to have the same shape and dtype."""
    if not (isinstance(a, TensorStructInfo) and isinstance(b, TensorStructInfo)):
        return False
    first, second = getattr(a.shape, "values", None), getattr(b.shape, "values", None)
    if a.dtype != b.dtype or first is None or second is None or len(first) != len(second):
        return False
    return all(prove_equal(x, y) for x, y in zip(first, second, strict=True))
