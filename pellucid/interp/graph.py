"""The meaning of graph functions: bindings in order, destination passing for `call_tir`, closures
by environment.

Tensors are `View`s of NumPy memory that remembers what was written; shapes are `ShapeValue`s,
numbers and strings
Python's own, tuples tuples. Packed functions see runtime tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np

from pellucid.interp.loops import packed_function, run_prim_func
from pellucid.interp.match import ShapeValue, Symbols, match_value
from pellucid.interp.memory import Storage, View, compact_strides
from pellucid.interp.values import is_lanes, is_tuple, numpy_dtype
from pellucid.ir.dtype import DataType
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.relax import expr as rx
from pellucid.relax import struct_info as si
from pellucid.runtime.tensor import Tensor, array
from pellucid.support.errors import InterpreterError, PellucidError, RunError, UnsupportedError
from pellucid.support.recursion import allow_deep_recursion
from pellucid.tir.function import PrimFunc

DEEPEST = 4_000
"""How deep graph functions may call each other here."""


@dataclass(slots=True)
class Frame:
    """One call of a graph function: its variables and symbolic dimensions."""

    values: dict[rx.Var, Any]
    symbols: Symbols


@dataclass(frozen=True, slots=True)
class Closure:
    """A function value: the function, and the frame in which it was made (None for a function of
    the module).
    """

    function: rx.Function
    frame: Frame | None
    interpreter: Interpreter
    bound: tuple[Any, ...] = ()

    def __call__(self, *args: Any) -> Any:
        """Call with interpreter values."""
        return self.interpreter.apply(self.function, (*args, *self.bound), self.frame)


class Interpreter:
    """Runs the functions of a module: `Interpreter(mod)["main"](x, w)` takes and gives NumPy
    arrays.
    """

    def __init__(self, module: IRModule) -> None:
        allow_deep_recursion()
        self.module = module
        self._depth = 0

    def __getitem__(self, name: str) -> Callable[..., Any]:
        """The function of that name, on arrays, runtime tensors, numbers, and tuples of them."""
        function = self.module[name]

        def call(*args: Any) -> Any:
            if isinstance(function, PrimFunc):
                return run_prim_func(function, args, self.module, name)
            with np.errstate(all="ignore"):
                return to_python(
                    self.apply(function, tuple(from_python(a) for a in args), None, name)
                )

        return call

    def apply(
        self, function: rx.Function, args: tuple[Any, ...], outer: Frame | None, name: str = ""
    ) -> Any:
        """Call a graph function with interpreter values."""
        label = name or str(function.attrs.get("global_symbol", "function"))
        if self._depth > DEEPEST:
            raise InterpreterError(
                f"{label} is called too deeply.",
                expected=f"at most {DEEPEST} calls inside each other",
                cure="look for a recursion that does not end",
            )
        self._depth += 1
        try:
            return self.eval(function.body, self._enter(function, args, outer, label))
        finally:
            self._depth -= 1

    @staticmethod
    def _enter(
        function: rx.Function, args: tuple[Any, ...], outer: Frame | None, label: str
    ) -> Frame:
        """The frame of a call, with its arguments bound to the parameters."""
        symbols = Symbols()
        values: dict[rx.Var, Any] = {}
        if outer is not None:
            values.update(outer.values)
            symbols = Symbols(dict(outer.symbols.values), dict(outer.symbols.places))
        if len(args) != len(function.params):
            raise RunError(f"{label} takes {len(function.params)} arguments.", found=f"{len(args)}")
        frame = Frame(values, symbols)
        # Twice: an expression over a dimension that a later argument binds is checked in the second
        # round.
        for _ in range(2):
            for param, arg in zip(function.params, args, strict=True):
                place = f"{label}: argument {param.name_hint!r}"
                match_value(param.struct_info_, arg, symbols, place)
                values[param] = arg
        return frame

    # Expressions

    def eval(self, expr: Any, frame: Frame) -> Any:
        """The value of an expression."""
        rule = _RULES.get(expr.__class__)
        if rule is None:
            raise UnsupportedError(
                f"The interpreter has no meaning for {type(expr).__name__}.", found=repr(expr)
            )
        return rule(self, expr, frame)

    def bindings(self, block: rx.BindingBlock, frame: Frame) -> None:
        """Run the bindings of a block in order."""
        for binding in block.bindings:
            if isinstance(binding, rx.VarBinding):
                if isinstance(binding.value, rx.Function):
                    closure = Closure(binding.value, frame, self)
                    frame.values[binding.var] = closure
                    continue
                frame.values[binding.var] = self.eval(binding.value, frame)
            elif isinstance(binding, rx.MatchCast):
                value = self.eval(binding.value, frame)
                match_value(
                    binding.struct_info,
                    value,
                    frame.symbols,
                    f"match_cast to {binding.var.name_hint!r}",
                )
                frame.values[binding.var] = value
            else:
                raise UnsupportedError(
                    f"The interpreter has no meaning for {type(binding).__name__}."
                )

    # Calls

    def call(self, call: rx.Call, frame: Frame) -> Any:
        """A call of anything."""
        op = call.op
        if isinstance(op, Op):
            return self.call_op(op, call, frame)
        args = tuple([self.eval(arg, frame) for arg in call.args])
        if isinstance(op, GlobalVar):
            function = self.module[op]
            if isinstance(function, PrimFunc):
                return self.run_kernel(function, args, op.name_hint)
            return self.apply(function, args, None, op.name_hint)
        if isinstance(op, rx.ExternFunc):
            return self.call_packed(op.global_symbol, args)
        return self.eval(op, frame)(*args)

    def call_op(self, op: Op, call: rx.Call, frame: Frame) -> Any:
        """A call of an operator: the call_tir family, or one with a NumPy meaning."""
        rule = _OPERATORS.get(op.name)
        if rule is not None:
            return rule(self, call, frame)
        meaning = op.get_attr("numpy")
        if meaning is None:
            raise UnsupportedError(
                f"The operator {op.name!r} has no NumPy meaning.", found=repr(call)
            )
        args = [to_python(self.eval(arg, frame)) for arg in call.args]
        try:
            return from_python(meaning(*args, **dict(call.attrs.items())))
        except (ValueError, IndexError) as error:
            if isinstance(error, PellucidError):
                raise
            raise InterpreterError(
                f"{op.name} has no result for these values.", place=call.span, found=str(error)
            ) from error

    def allocate(self, info: si.StructInfo, frame: Frame) -> View:
        """A fresh, unwritten tensor of the given info."""
        if not isinstance(info, si.TensorStructInfo) or not isinstance(info.shape, rx.ShapeExpr):
            raise InterpreterError("An output needs a known shape.", found=repr(info))
        shape = tuple(frame.symbols.eval(dim) for dim in info.shape.values)
        size = int(np.prod(shape, dtype=np.int64))
        storage = Storage.fresh("output", size, numpy_dtype(info.dtype))
        return View("output", storage, 0, shape, compact_strides(shape), info.dtype)

    def outputs(self, call: rx.Call, frame: Frame) -> list[View]:
        """The outputs that a destination-passing call asks for."""
        (info,) = call.sinfo_args
        infos = info.fields if isinstance(info, si.TupleStructInfo) else (info,)
        return [self.allocate(each, frame) for each in infos]

    def run_kernel(self, function: PrimFunc, args: tuple[Any, ...], name: str) -> Any:
        """Call a loop function on views and numbers."""
        return run_prim_func(function, args, self.module, name)

    def call_packed(self, name: str, args: tuple[Any, ...]) -> Any:
        """Call a registered function with runtime tensors; what it wrote comes back."""
        return _call_with_tensors(packed_function(name), args)

    def find_kernel(self, name: str) -> PrimFunc | None:
        """The loop function of the module whose global symbol is `name`."""
        for function in self.module.functions.values():
            if isinstance(function, PrimFunc) and function.attrs.get("global_symbol") == name:
                return function
        return None


def _call_with_tensors(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    tensors = [array(array_of(a)) if isinstance(a, View) else to_python(a) for a in args]
    result = function(*tensors)
    for arg, tensor in zip(args, tensors, strict=True):
        if isinstance(arg, View):
            array_of(arg)[...] = cast("Tensor", tensor).numpy()
            arg.storage.written[:] = True
    return from_python(result)


def array_of(view: View) -> np.ndarray[Any, Any]:
    """A view's elements as a NumPy array that shares the memory."""
    size = view.storage.values.itemsize
    base = view.storage.values[view.offset :]
    return np.lib.stride_tricks.as_strided(base, view.shape, [s * size for s in view.strides])


def from_python(value: Any) -> Any:
    """A user's value as the interpreter holds it: arrays and tensors become views (of a copy)."""
    if isinstance(value, Tensor):
        value = value.numpy()
    elif hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if is_lanes(value):
        array = np.array(value, order="C")
        dtype = DataType(str(array.dtype))
        storage = Storage.of_array("argument", array)
        return View("argument", storage, 0, array.shape, compact_strides(array.shape), dtype)
    if is_tuple(value) and value and all(isinstance(v, int) for v in value):
        return ShapeValue(value)
    if isinstance(value, tuple | list):
        return tuple([from_python(each) for each in cast("list[Any]", value)])
    return value


def to_python(value: Any) -> Any:
    """An interpreter value as the user sees it: views become arrays; unwritten elements are an
    error.
    """
    if isinstance(value, View):
        found = array_of(value).copy()
        place = value.offset + np.arange(found.size)
        if value.strides == compact_strides(value.shape) and not value.storage.written[place].all():
            missing = int(np.flatnonzero(~value.storage.written[place])[0])
            raise InterpreterError(
                "A result has elements that were never written.",
                found=f"element {missing} (in row-major order) of shape {value.shape}",
                cure="the loop function must write every element of its output",
            )
        return found
    if isinstance(value, ShapeValue):
        return tuple(value)
    if isinstance(value, tuple):
        return tuple([to_python(each) for each in cast("tuple[Any, ...]", value)])
    return value


def _result(outputs: list[View]) -> Any:
    return outputs[0] if len(outputs) == 1 else tuple(outputs)


def _dps_args(self: Interpreter, call: rx.Call, frame: Frame) -> tuple[Any, ...]:
    value = self.eval(call.args[1], frame)
    return value if is_tuple(value) and not isinstance(value, ShapeValue) else (value,)


def _tir_vars(self: Interpreter, call: rx.Call, frame: Frame, index: int) -> tuple[Any, ...]:
    return tuple(self.eval(call.args[index], frame)) if len(call.args) > index else ()


def _call_tir(self: Interpreter, call: rx.Call, frame: Frame) -> Any:
    gvar = cast("GlobalVar", call.args[0])
    outputs = self.outputs(call, frame)
    args = (*_dps_args(self, call, frame), *outputs, *_tir_vars(self, call, frame, 2))
    self.run_kernel(self.module[gvar], args, gvar.name_hint)
    return _result(outputs)


def _call_tir_inplace(self: Interpreter, call: rx.Call, frame: Frame) -> Any:
    gvar = cast("GlobalVar", call.args[0])
    args = _dps_args(self, call, frame)
    fresh = self.outputs(call, frame)
    indices = call.attrs["inplace_indices"]
    outputs = [args[i] if i >= 0 else fresh[k] for k, i in enumerate(indices)]
    extra = [fresh[k] for k, i in enumerate(indices) if i < 0]
    self.run_kernel(
        self.module[gvar], (*args, *extra, *_tir_vars(self, call, frame, 2)), gvar.name_hint
    )
    return _result(outputs)


def _call_dps_packed(self: Interpreter, call: rx.Call, frame: Frame) -> Any:
    outputs = self.outputs(call, frame)
    args = (*_dps_args(self, call, frame), *outputs)
    callee = call.args[0]
    if isinstance(callee, rx.ExternFunc | rx.StringImm):
        name = callee.global_symbol if isinstance(callee, rx.ExternFunc) else callee.value
        kernel = self.find_kernel(name)
        if kernel is not None:
            self.run_kernel(kernel, args, name)
        else:
            self.call_packed(name, args)
    elif isinstance(callee, GlobalVar):
        self.run_kernel(self.module[callee], args, callee.name_hint)
    else:
        _call_with_tensors(self.eval(callee, frame), args)
    return _result(outputs)


def _call_pure_packed(self: Interpreter, call: rx.Call, frame: Frame) -> Any:
    callee, *rest = call.args
    return self.call(rx.Call(callee, rest, None, call.sinfo_args), frame)


def _invoke_closure(self: Interpreter, call: rx.Call, frame: Frame) -> Any:
    closure = self.eval(call.args[0], frame)
    return closure(*self.eval(call.args[1], frame))


def _make_closure(self: Interpreter, call: rx.Call, frame: Frame) -> Any:
    function = self.module[cast("GlobalVar", call.args[0])]
    return Closure(function, None, self, tuple(self.eval(call.args[1], frame)))


def _alloc_tensor(self: Interpreter, call: rx.Call, frame: Frame) -> Any:
    shape, dtype = cast("rx.ShapeExpr", call.args[0]), cast("rx.DataTypeImm", call.args[1])
    return self.allocate(si.TensorStructInfo(shape, dtype.value), frame)


def _alloc_storage(self: Interpreter, call: rx.Call, frame: Frame) -> Any:
    (size,) = self.eval(call.args[0], frame)
    return np.zeros(size, np.uint8)


def _alloc_in_storage(self: Interpreter, call: rx.Call, frame: Frame) -> Any:
    """A tensor that shares the storage's bytes, so that a plan with overlaps shows."""
    storage, offset, shape, dtype = [self.eval(arg, frame) for arg in call.args[:4]]
    kind = DataType(dtype)
    element = numpy_dtype(kind)
    size = int(np.prod(shape, dtype=np.int64))
    values = storage[offset : offset + size * element.itemsize].view(element)
    memory = Storage("planned", values, np.zeros(size, bool))
    return View("planned", memory, 0, tuple(shape), compact_strides(tuple(shape)), kind)


def _kill(self: Interpreter, call: rx.Call, frame: Frame) -> Any:
    del self, call, frame
    return ()


def _function_value(self: Interpreter, expr: Any, frame: Frame) -> Any:
    return Closure(expr, frame, self)


def _global_value(self: Interpreter, expr: Any, frame: Frame) -> Any:
    del frame
    function = self.module[expr]
    if isinstance(function, PrimFunc):
        return partial(_call_kernel, self, function, expr.name_hint)
    return Closure(function, None, self)


def _call_kernel(self: Interpreter, function: PrimFunc, name: str, *args: Any) -> Any:
    return self.run_kernel(function, args, name)


def _variable(self: Interpreter, expr: Any, frame: Frame) -> Any:
    del self
    if expr not in frame.values:
        raise InterpreterError(f"The variable {expr.name_hint!r} has no value here.")
    return frame.values[expr]


def _constant(self: Interpreter, expr: Any, frame: Frame) -> Any:
    del self, frame
    return from_python(expr.data)


def _shape(self: Interpreter, expr: Any, frame: Frame) -> Any:
    del self
    return ShapeValue([frame.symbols.eval(value) for value in expr.values])


def _prim_value(self: Interpreter, expr: Any, frame: Frame) -> Any:
    del self
    value: PrimExpr = expr.value
    return frame.symbols.eval(value)


def _tuple(self: Interpreter, expr: Any, frame: Frame) -> Any:
    return tuple([self.eval(each, frame) for each in expr.fields])


def _get_item(self: Interpreter, expr: Any, frame: Frame) -> Any:
    return self.eval(expr.tuple_value, frame)[expr.index]


def _if(self: Interpreter, expr: Any, frame: Frame) -> Any:
    condition = self.eval(expr.cond, frame)
    holds = (
        bool(array_of(condition).reshape(())) if isinstance(condition, View) else bool(condition)
    )
    return self.eval(expr.true_branch if holds else expr.false_branch, frame)


def _sequence(self: Interpreter, expr: Any, frame: Frame) -> Any:
    for block in expr.blocks:
        self.bindings(block, frame)
    return self.eval(expr.body, frame)


_RULES: dict[type[Any], Callable[[Interpreter, Any, Frame], Any]] = {
    rx.Var: _variable,
    rx.DataflowVar: _variable,
    rx.Constant: _constant,
    rx.ShapeExpr: _shape,
    rx.PrimValue: _prim_value,
    rx.StringImm: lambda self, e, frame: e.value,
    rx.DataTypeImm: lambda self, e, frame: str(e.value),
    rx.Tuple: _tuple,
    rx.TupleGetItem: _get_item,
    rx.If: _if,
    rx.SeqExpr: _sequence,
    rx.Call: Interpreter.call,
    rx.Function: _function_value,
    GlobalVar: _global_value,
    rx.ExternFunc: lambda self, e, frame: packed_function(e.global_symbol),
}

_OPERATORS: dict[str, Callable[[Interpreter, Any, Frame], Any]] = {
    "relax.call_tir": _call_tir,
    "relax.call_tir_inplace": _call_tir_inplace,
    "relax.call_dps_packed": _call_dps_packed,
    "relax.call_pure_packed": _call_pure_packed,
    "relax.invoke_closure": _invoke_closure,
    "relax.invoke_pure_closure": _invoke_closure,
    "relax.make_closure": _make_closure,
    "relax.builtin.alloc_tensor": _alloc_tensor,
    "relax.memory.alloc_storage": _alloc_storage,
    "relax.memory.alloc_tensor": _alloc_in_storage,
    "relax.memory.kill_storage": _kill,
    "relax.memory.kill_tensor": _kill,
    "relax.vm.kill_object": _kill,
}
