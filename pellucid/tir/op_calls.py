"""Calls out of the language, and intrinsics of memory and vectors.

In: expressions, buffers, names of functions. Out: calls of `tir.<name>`. The records say which of
them have effects (`pure=False`), which touch memory behind a pointer (`opaque_access=True`), and
which take their dtype as the first argument in script (`dtype_first=True`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.ir.arithmetic import add, call_intrin, const, convert, floordiv, mul, sub
from pellucid.ir.dtype import BOOL, HANDLE, DataType
from pellucid.ir.node import Node
from pellucid.ir.op import Op, register_op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Call, StringImm, Var
from pellucid.support.errors import TypeMismatchError, did_you_mean
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion, late, strides_of
from pellucid.tir.op_math import Args, dtype_bool, dtype_of_first


def _register(name: str, arity: int | None, *, pure: bool, **attributes: Any) -> Op:
    return register_op(f"tir.{name}", arity=arity, pure=pure, **attributes)


def _dtype_handle(args: Args) -> DataType:
    del args
    return HANDLE


def _dtype_int32(args: Args) -> DataType:
    del args
    return DataType("int32")


_CALL_EXTERN = _register("call_extern", None, pure=False, dtype_first=True)
_CALL_PURE_EXTERN = _register("call_pure_extern", None, pure=True, dtype_first=True)
_CALL_PACKED = _register("call_packed", None, pure=False)
_CALL_CPACKED = _register("call_cpacked", None, pure=False)
_CALL_LLVM_INTRIN = _register("call_llvm_intrin", None, pure=False, dtype_first=True)
_CALL_LLVM_PURE_INTRIN = _register("call_llvm_pure_intrin", None, pure=True, dtype_first=True)
_REINTERPRET = _register("reinterpret", 1, pure=True, dtype_first=True)
_TYPE_ANNOTATION = _register("type_annotation", 0, pure=True, dtype_first=True)
_ACCESS_PTR = _register("tvm_access_ptr", 5, pure=True, dtype=_dtype_handle, opaque_access=True)
_ADDRESS_OF = _register("address_of", 1, pure=True, dtype=_dtype_handle, opaque_access=True)
_ISNULLPTR = _register("isnullptr", 1, pure=True, dtype=dtype_bool)
_TUPLE = _register("tvm_tuple", None, pure=True, dtype=_dtype_handle)
_PREFETCH = _register("prefetch", 4, pure=False)
_RET = _register("ret", 1, pure=False, dtype=dtype_of_first)
_ASSUME = _register("assume", 1, pure=False, dtype=dtype_bool)
_UNDEF = _register("undef", 0, pure=True, dtype_first=True)
_VECTOR_LOW = _register("vectorlow", 1, pure=True, dtype_first=True)
_VECTOR_HIGH = _register("vectorhigh", 1, pure=True, dtype_first=True)
_VECTOR_COMBINE = _register("vectorcombine", 2, pure=True, dtype_first=True)
_STORAGE_SYNC = _register("tvm_storage_sync", None, pure=False, dtype=_dtype_int32)
_THREAD_ALLREDUCE = _register("tvm_thread_allreduce", None, pure=False, dtype=_dtype_handle)


def call_pure_intrin(dtype: str, func_name: str | Op, *args: Any) -> Call:
    """A call of the intrinsic `func_name`, as `call_intrin`; whether it is pure stands in the
    operator's record.
    """
    return call_intrin(dtype, func_name, *args)


def _external(op: Op, dtype: str, name: Any, args: tuple[Any, ...]) -> Call:
    symbol = name.value if isinstance(name, StringImm) else name
    if not isinstance(symbol, str):
        raise TypeMismatchError(
            "An external function is called by its name.",
            expected="a string",
            found=f"{symbol!r:.80}",
        )
    for each in args:
        if isinstance(each, Buffer | BufferRegion):
            raise TypeMismatchError(
                f"The external function {symbol!r} takes pointers and numbers, not buffers.",
                found=getattr(each, "name", repr(each)),
                cure='pass A.data, or A.access_ptr("r"), or T.address_of(A[i])',
            )
    return Call(dtype, op, (StringImm(symbol), *args))


def call_extern(dtype: str, func_name: str, *args: Any) -> Call:
    """A call of the C function `func_name`, which gives a value of `dtype` and may have effects."""
    return _external(_CALL_EXTERN, dtype, func_name, args)


def call_pure_extern(dtype: str, func_name: str, *args: Any) -> Call:
    """A call of the C function `func_name`, which has no effect."""
    return _external(_CALL_PURE_EXTERN, dtype, func_name, args)


def call_packed(*args: Any) -> Call:
    """A call of the packed function named by the first argument; the value is an int32.

    The other arguments are expressions, strings, and buffers; a buffer is handed over as a tensor
    that the callee may read and write.
    """
    return _packed(_CALL_PACKED, args)


def call_cpacked(*args: Any) -> Call:
    """A call like `call_packed` of a function with the packed signature that is linked to this code
    by name.
    """
    return _packed(_CALL_CPACKED, args)


def _packed(op: Op, args: tuple[Any, ...]) -> Call:
    if not args or not isinstance(args[0], str | StringImm):
        raise TypeMismatchError(
            "A packed function is called by its name.", expected="a string as the first argument"
        )
    return Call("int32", op, [each if isinstance(each, Node) else convert(each) for each in args])


def call_llvm_intrin(dtype: str, name: str, *args: Any) -> Call:
    """A call of the LLVM intrinsic `name` (such as "llvm.x86.avx512.rcp14.ps.512")."""
    return _llvm(_CALL_LLVM_INTRIN, dtype, name, args)


def call_llvm_pure_intrin(dtype: str, name: str, *args: Any) -> Call:
    """A call of an LLVM intrinsic that has no effect."""
    return _llvm(_CALL_LLVM_PURE_INTRIN, dtype, name, args)


def _llvm(op: Op, dtype: str, name: Any, args: tuple[Any, ...]) -> Call:
    symbol = name.value if isinstance(name, StringImm) else name
    if not isinstance(symbol, str) or not symbol.startswith("llvm."):
        raise TypeMismatchError(
            "An LLVM intrinsic is called by its full name.",
            expected='"llvm.…"',
            found=f"{symbol!r:.80}",
        )
    return Call(dtype, op, (StringImm(symbol), *args))


def reinterpret(dtype: str, value: Any) -> PrimExpr:
    """The bits of `value` read as `dtype`, which has as many bits in all."""
    target, operand = DataType(dtype), convert(value)
    if target == operand.dtype:
        return operand
    if target.bits * target.lanes != operand.dtype.bits * operand.dtype.lanes:
        raise TypeMismatchError(
            "reinterpret keeps the number of bits.",
            expected=f"{operand.dtype.bits * operand.dtype.lanes} bits",
            found=f"{target}: {target.bits * target.lanes} bits",
            cure="use cast to convert the value",
        )
    return Call(target, _REINTERPRET, (operand,))


def type_annotation(dtype: str) -> Call:
    """A dtype as an argument: a call without arguments that has it."""
    return Call(dtype, _TYPE_ANNOTATION, ())


def tvm_access_ptr(ptype: Any, data: Any, offset: Any, extent: Any, rw_mask: Any) -> Call:
    """A pointer to the element `offset` of `data`, through which `extent` elements are accessed.

    `ptype` is the element type (a dtype or a `type_annotation`); `rw_mask` is 1 for reading, 2 for
    writing, 3 for both.
    """
    element = type_annotation(ptype) if isinstance(ptype, str) else ptype
    return Call(HANDLE, _ACCESS_PTR, (element, data, offset, extent, rw_mask))


_MASKS = {"r": 1, "w": 2, "rw": 3, "wr": 3}


def _access_mask(value: int | str) -> int:
    if isinstance(value, int) and 1 <= value <= 3:
        return value
    if isinstance(value, str) and value in _MASKS:
        return _MASKS[value]
    raise TypeMismatchError(
        f"There is no access mask {value!r}.",
        expected='"r", "w" or "rw"',
        cure=did_you_mean(str(value), _MASKS),
    )


def access_ptr(
    buffer: Buffer,
    access_mask: int | str,
    ptr_type: str,
    content_lanes: int,
    offset: Any,
    extent: Any,
) -> Call:
    """What `Buffer.access_ptr` builds: a pointer to the buffer's element `offset`, and all that
    comes after it.
    """
    if ptr_type != "handle":
        raise TypeMismatchError("A pointer into a buffer is a handle.", found=ptr_type)
    begin = add(buffer.elem_offset, offset)
    if extent is None:
        if buffer.strides:
            whole = mul(strides_of(buffer)[0], buffer.shape[0])
        else:
            whole = functools.reduce(mul, buffer.shape, const(1))
        extent = sub(whole, offset)
    if content_lanes > 1:
        extent, begin = floordiv(extent, content_lanes), floordiv(begin, content_lanes)
    element = buffer.dtype.with_lanes(buffer.dtype.lanes * content_lanes)
    return tvm_access_ptr(element, buffer.data, begin, extent, _access_mask(access_mask))


def address_of(obj: Any) -> Call:
    """The address of an element of a buffer, or of a buffer's first element."""
    if isinstance(obj, Buffer):
        obj = BufferLoad(obj, [const(0, extent.dtype) for extent in obj.shape])
    if not isinstance(obj, BufferLoad):
        raise TypeMismatchError("Only an element of a buffer has an address.", found=repr(obj))
    return Call(HANDLE, _ADDRESS_OF, (obj,))


def isnullptr(x: Any) -> Call:
    """Whether a pointer is null."""
    return Call(BOOL, _ISNULLPTR, (x,))


def tvm_tuple(*values: Any) -> Call:
    """Several values as one argument."""
    return Call(HANDLE, _TUPLE, values)


def prefetch(address: Any, rw: int = 0, locality: int = 3, cache: int = 1) -> Call:
    """Ask for the cache line of a buffer's element to be fetched.

    `rw` is 0 for reading and 1 for writing, `locality` goes from 0 (used once) to 3 (keep), `cache`
    is 1 for data.
    """
    pointer = address_of(address) if isinstance(address, BufferLoad) else address
    return Call("void", _PREFETCH, (pointer, rw, locality, cache))


def ret(val: Any) -> Call:
    """Leave the function with the value `val`."""
    value = convert(val)
    return Call(value.dtype, _RET, (value,))


def assume(cond: Any) -> Call:
    """The promise that `cond` holds here; a program in which it does not has no meaning."""
    return Call(BOOL, _ASSUME, (cond,))


def undef(dtype: str = "int32") -> Call:
    """Some value of `dtype`, nobody knows which."""
    return Call(dtype, _UNDEF, ())


def _half(op: Op, name: str) -> Callable[[str, Any], Call]:
    def build(dtype: str, vec: Any) -> Call:
        target, operand = DataType(dtype), convert(vec)
        if target.scalar != operand.dtype.scalar or target.lanes * 2 != operand.dtype.lanes:
            raise TypeMismatchError(
                f"{name} takes one half of a vector.", found=f"{target} of {operand.dtype}"
            )
        return Call(target, op, (operand,))

    build.__name__ = build.__qualname__ = name
    which = "first" if name == "vectorlow" else "second"
    build.__doc__ = f"The {which} half of the vector `vec`, of type `dtype`."
    return build


vectorlow = _half(_VECTOR_LOW, "vectorlow")
vectorhigh = _half(_VECTOR_HIGH, "vectorhigh")


def vectorcombine(dtype: str, vec1: Any, vec2: Any) -> Call:
    """The vector made of two of half the length, of type `dtype`."""
    target, low, high = DataType(dtype), convert(vec1), convert(vec2)
    if low.dtype != high.dtype or low.dtype.with_lanes(2 * low.dtype.lanes) != target:
        raise TypeMismatchError(
            "vectorcombine joins two halves of a vector.",
            found=f"{low.dtype} and {high.dtype} as {target}",
        )
    return Call(target, _VECTOR_COMBINE, (low, high))


def tvm_storage_sync(storage_scope: str, *others: Any) -> Call:
    """Wait until all threads of a group have come here (nothing to do on a processor)."""
    return Call("int32", _STORAGE_SYNC, (StringImm(storage_scope), *others))


def tvm_thread_allreduce(*freduce_args: Any) -> Call:
    """A reduction over the threads of a group (for targets that have such groups)."""
    return Call(HANDLE, _THREAD_ALLREDUCE, freduce_args)


def _numpy_reinterpret(value: Any, dtype: Any) -> Any:
    return np.ascontiguousarray(value).view(dtype)


# Takes the NumPy dtype of the value beside the argument.
_REINTERPRET.set_attr("numpy_with_dtype", _numpy_reinterpret)


def pointer_of(argument: Any) -> Var | None:
    """The pointer variable that an address or access pointer goes to, or None."""
    if isinstance(argument, Var) and argument.dtype.is_handle:
        return argument
    if isinstance(argument, Call) and argument.op is _ACCESS_PTR:
        return pointer_of(argument.args[1])
    if isinstance(argument, Call) and argument.op is _ADDRESS_OF:
        return argument.args[0].buffer.data
    return None


late["access_ptr"] = access_ptr

__all__ = [
    "address_of",
    "assume",
    "call_cpacked",
    "call_extern",
    "call_intrin",
    "call_llvm_intrin",
    "call_llvm_pure_intrin",
    "call_packed",
    "call_pure_extern",
    "call_pure_intrin",
    "isnullptr",
    "pointer_of",
    "prefetch",
    "reinterpret",
    "ret",
    "tvm_access_ptr",
    "tvm_storage_sync",
    "tvm_thread_allreduce",
    "tvm_tuple",
    "type_annotation",
    "undef",
    "vectorcombine",
    "vectorhigh",
    "vectorlow",
]
