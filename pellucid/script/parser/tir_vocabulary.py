"""The frames and statements of `T`: loops, blocks, buffers, scopes.

Each function checks its own arguments and returns a record of `parser.tir_frames` for the parser to
interpret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from pellucid.ir.arithmetic import const, convert, distance, match_types
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IterVar, Range, StringImm, Var, as_exprs
from pellucid.script.parser.tir_frames import (
    AllocateConstFrame,
    AllocateFrame,
    AllocBuffer,
    AssertFrame,
    AttrFrame,
    Axis,
    BlockAttr,
    BlockFrame,
    DeclBufferFrame,
    ElseFrame,
    EnvThread,
    EvaluateClause,
    FuncAttr,
    IfFrame,
    InitFrame,
    LaunchThreadFrame,
    LetFrame,
    LoopFrame,
    MatchBuffer,
    MetaVar,
    Reads,
    RealizeFrame,
    Remap,
    StoreClause,
    ThenFrame,
    Where,
    WhileFrame,
    Writes,
)
from pellucid.script.parser.tir_types import BufferFunction, LetFunction, dtype_name, shape_of
from pellucid.support.errors import TypeMismatchError
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion
from pellucid.tir.stmt import ForKind

Annotations = Mapping[str, Any] | None


def _integer(value: Any, what: str) -> PrimExpr:
    found = convert(value)
    if not (found.dtype.is_integer and found.dtype.lanes == 1):
        raise TypeMismatchError(
            f"{what} is an integer.", found=f"{found.dtype}", cure="use // for division, or cast"
        )
    return found


def _loop_range(start: Any, stop: Any) -> tuple[PrimExpr, PrimExpr]:
    """(min, extent) of a loop from `start` to `stop`, or from zero to `start`."""
    if stop is None:
        extent = _integer(start, "The extent of a loop")
        return const(0, extent.dtype), extent
    _integer(start, "The start of a loop")
    _integer(stop, "The end of a loop")
    low, high = match_types(start, stop)
    return low, distance(low, high)


def serial(start: Any, stop: Any = None, *, annotations: Annotations = None) -> LoopFrame:
    """A loop whose iterations run in order, from `start` (or zero) to `stop`, exclusive."""
    return LoopFrame(ForKind.SERIAL, (_loop_range(start, stop),), annotations)


def parallel(start: Any, stop: Any = None, *, annotations: Annotations = None) -> LoopFrame:
    """A loop whose iterations may run at once, on several threads."""
    return LoopFrame(ForKind.PARALLEL, (_loop_range(start, stop),), annotations)


def vectorized(start: Any, stop: Any = None, *, annotations: Annotations = None) -> LoopFrame:
    """A loop whose iterations run at once, a vector lane each."""
    return LoopFrame(ForKind.VECTORIZED, (_loop_range(start, stop),), annotations)


def unroll(start: Any, stop: Any = None, *, annotations: Annotations = None) -> LoopFrame:
    """A loop that is written out, iteration after iteration."""
    return LoopFrame(ForKind.UNROLLED, (_loop_range(start, stop),), annotations)


THREAD_TAGS = tuple(
    [f"{kind}Idx.{axis}" for kind in ("block", "thread", "cluster") for axis in "xyz"]
    + ["vthread", "vthread.x", "vthread.y", "vthread.z"]
)


def _thread_tag(tag: Any) -> str:
    if not isinstance(tag, str) or tag not in THREAD_TAGS:
        raise TypeMismatchError(
            "There is no such thread axis.",
            expected="threadIdx.x, blockIdx.x, vthread …",
            found=f"{tag!r}",
        )
    return tag


def thread_binding(
    start: Any, stop: Any = None, thread: str | None = None, *, annotations: Annotations = None
) -> LoopFrame:
    """A loop bound to the thread axis `thread` ("threadIdx.x", "blockIdx.y" …)."""
    if thread is None:
        if not isinstance(stop, str):
            raise TypeMismatchError(
                "thread_binding needs a thread axis.",
                cure='write T.thread_binding(128, thread="threadIdx.x")',
            )
        thread, stop = stop, None
    return LoopFrame(
        ForKind.THREAD_BINDING, (_loop_range(start, stop),), annotations, _thread_tag(thread)
    )


def grid(*extents: Any) -> LoopFrame:
    """Serial loops nested in each other, from zero to each extent; a pair gives (start, stop)."""
    if not extents:
        raise TypeMismatchError("T.grid needs at least one extent.")
    ranges = [
        _loop_range(*cast("tuple[Any, ...]", each))
        if isinstance(each, tuple)
        else _loop_range(each, None)
        for each in extents
    ]
    return LoopFrame(ForKind.SERIAL, tuple(ranges))


def block(name: str = "", no_realize: bool = False) -> BlockFrame:
    """A block named `name`; `no_realize` leaves out the realization around it."""
    if not isinstance(name, str):
        raise TypeMismatchError("The name of a block is a string.", found=f"{name!r:.80}")
    return BlockFrame(name, no_realize)


def init() -> InitFrame:
    """What runs before the body in a block's first instance along its reduction axes."""
    return InitFrame()


def _flat(regions: tuple[Any, ...]) -> tuple[Any, ...]:
    """A single list or tuple of regions counts as the regions themselves."""
    if len(regions) == 1 and isinstance(regions[0], list | tuple):
        return tuple(cast("list[Any]", regions[0]))
    return regions


def reads(*regions: Any) -> Reads:
    """What an instance of the block reads; none at all means that it reads nothing."""
    return Reads(_flat(regions))


def writes(*regions: Any) -> Writes:
    """What an instance of the block writes."""
    return Writes(_flat(regions))


def where(predicate: Any) -> Where:
    """The condition under which the block's instance exists."""
    return Where(predicate)


def block_attr(attrs: Mapping[str, Any]) -> BlockAttr:
    """Annotations of the block."""
    return BlockAttr(_mapping(attrs, "T.block_attr"))


def func_attr(attrs: Mapping[str, Any]) -> FuncAttr:
    """Attributes of the function."""
    return FuncAttr(_mapping(attrs, "T.func_attr"))


def _mapping(attrs: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(attrs, Mapping):
        raise TypeMismatchError(f"{what} takes a dictionary.", found=f"{attrs!r:.80}")
    return cast("Mapping[str, Any]", attrs)


class AxisFunctions:
    """`T.axis`: the iteration variables of a block, each with its domain and what it is bound to.

    A domain is an extent, a pair (begin, end), a slice or a `Range`.
    """

    def spatial(self, dom: Any, binding: Any, dtype: str | None = None) -> Axis:
        """An axis whose values are independent of each other."""
        return Axis(IterVar.DataPar, dom, binding, dtype)

    def reduce(self, dom: Any, binding: Any, dtype: str | None = None) -> Axis:
        """An axis along which the block accumulates, in any order."""
        return Axis(IterVar.CommReduce, dom, binding, dtype)

    def scan(self, dom: Any, binding: Any, dtype: str | None = None) -> Axis:
        """An axis whose values come in order."""
        return Axis(IterVar.Ordered, dom, binding, dtype)

    def opaque(self, dom: Any, binding: Any, dtype: str | None = None) -> Axis:
        """An axis about which nothing is known."""
        return Axis(IterVar.Opaque, dom, binding, dtype)

    S = spatial
    R = reduce

    def remap(self, kinds: str, bindings: Any, dtype: str | None = None) -> Remap:
        """Axes bound to loop variables, with the loops' domains; `kinds` has an S or R for each."""
        del dtype
        if not isinstance(kinds, str) or set(kinds) - {"S", "R"} or not kinds:
            raise TypeMismatchError(
                "The kinds of T.axis.remap are letters.",
                expected='"S" (spatial) or "R" (reduce) for each variable',
                found=f"{kinds!r}",
                cure="use T.axis.scan or T.axis.opaque for other kinds",
            )
        values = (
            tuple(cast("list[Any]", bindings))
            if isinstance(bindings, list | tuple)
            else (bindings,)
        )
        if len(values) != len(kinds):
            raise TypeMismatchError(
                "T.axis.remap needs a letter for each loop variable.",
                expected=f"{len(values)} letters",
                found=f"{kinds!r}",
            )
        return Remap(kinds, values)


axis = AxisFunctions()

_buffer = BufferFunction()


def alloc_buffer(
    shape: Any,
    dtype: Any = "float32",
    data: Var | None = None,
    strides: Any = None,
    elem_offset: Any = None,
    scope: str = "global",
    align: int = -1,
    offset_factor: int = 0,
    buffer_type: str = "default",
    axis_separators: Any = None,
) -> AllocBuffer:
    """A new buffer that lives as long as the enclosing block, or the function."""
    return AllocBuffer(
        _buffer(
            shape,
            dtype,
            data,
            strides,
            elem_offset,
            scope,
            align,
            offset_factor,
            buffer_type,
            axis_separators,
        )
    )


def match_buffer(
    param: Any,
    shape: Any = None,
    dtype: Any = "float32",
    data: Var | None = None,
    strides: Any = None,
    elem_offset: Any = None,
    scope: str = "global",
    align: int = -1,
    offset_factor: int = 0,
    buffer_type: str = "default",
    axis_separators: Any = None,
) -> MatchBuffer:
    """The buffer behind a `T.handle` parameter; in a block, a view of a region.

    Without a shape, a view has that of the region and its dtype.
    """
    if isinstance(param, Buffer | BufferLoad | BufferRegion):
        if shape is None and dtype == "float32":
            dtype = param.dtype if not isinstance(param, BufferRegion) else param.buffer.dtype
    elif not isinstance(param, Var):
        raise TypeMismatchError(
            "T.match_buffer needs a T.handle parameter or a region of a buffer.",
            found=f"{param!r:.80}",
        )
    elif shape is None:
        raise TypeMismatchError("The buffer of a parameter needs a shape.")
    if shape is None:
        shape = _region_shape(param)
    spec = _buffer(
        shape,
        dtype,
        data,
        strides,
        elem_offset,
        scope,
        align,
        offset_factor,
        buffer_type,
        axis_separators,
    )
    return MatchBuffer(param, spec)


def _region_shape(region: Any) -> list[Any]:
    if isinstance(region, Buffer):
        return list(region.shape)
    if isinstance(region, BufferRegion):
        return [each.extent for each in region.region]
    return [1 for _ in region.indices]


def decl_buffer(
    shape: Any,
    dtype: Any = "float32",
    data: Var | None = None,
    strides: Any = None,
    elem_offset: Any = None,
    scope: str = "global",
    align: int = 0,
    offset_factor: int = 0,
    buffer_type: str = "default",
    axis_separators: Any = None,
) -> DeclBufferFrame:
    """A view of the memory behind the pointer `data`, known in the rest of the scope.

    Without `data`, the memory is allocated as well.
    """
    return DeclBufferFrame(
        _buffer(
            shape,
            dtype,
            data,
            strides,
            elem_offset,
            scope,
            align,
            offset_factor,
            buffer_type,
            axis_separators,
        )
    )


def allocate(
    extents: Any,
    dtype: Any,
    scope: str = "global",
    condition: Any = None,
    annotations: Annotations = None,
) -> AllocateFrame:
    """Memory for the rest of the scope; the name stands for the pointer to it."""
    condition = const(True) if condition is None else condition
    return AllocateFrame(
        as_exprs(shape_of(extents)), dtype_name(dtype), scope, condition, annotations
    )


def allocate_const(
    data: Any, dtype: Any, extents: Any, annotations: Annotations = None
) -> AllocateConstFrame:
    """Constant memory with the contents `data` (a list or array) for the rest of the scope."""
    kind = dtype_name(dtype)
    array = np.asarray(data, dtype=str(kind)).reshape([int(each) for each in extents])
    return AllocateConstFrame(array, kind, as_exprs(shape_of(extents)), annotations)


def attr(node: Any, attr_key: str, value: Any) -> AttrFrame:
    """The fact `attr_key` = `value` about `node`, in the rest of the scope."""
    if not isinstance(attr_key, str):
        raise TypeMismatchError("The key of T.attr is a string.", found=f"{attr_key!r:.80}")
    return AttrFrame(node, attr_key, value)


def launch_thread(thread: Any, extent: Any) -> LaunchThreadFrame:
    """The rest of the scope runs on `extent` threads along `thread`: a tag, or what T.env_thread
    made.
    """
    if isinstance(thread, IterVar):
        thread = thread.var
    if not isinstance(thread, Var):
        thread = _thread_tag(thread)
    return LaunchThreadFrame(thread, _integer(extent, "The number of threads"))


def env_thread(thread_tag: str, dtype: str = "int32") -> EnvThread:
    """The variable of the thread axis `thread_tag`, to be launched later."""
    return EnvThread(_thread_tag(thread_tag), dtype)


def LetStmt(value: Any, type_annotation: Any = None, *, var: Var | None = None) -> LetFrame:
    """A variable that stands for `value` in the rest of the scope."""
    return LetFrame(convert(value), var, type_annotation)


class LetFrames(LetFunction):
    """`T.let(var, value)`: a frame like T.LetStmt; `T.let[type]` stands in an annotation."""

    def __call__(self, var: Var, value: Any) -> LetFrame:
        """`var` stands for `value` in the rest of the scope."""
        return LetFrame(convert(value), var)


let = LetFrames()


def realize(
    buffer_slice: Any, storage_scope: str = "global", condition: Any = True
) -> RealizeFrame:
    """A region of a buffer comes into being for the scope."""
    return RealizeFrame(buffer_slice, storage_scope, condition)


def Assert(condition: Any, message: Any) -> AssertFrame:
    """Stop with `message` unless `condition` holds."""
    return AssertFrame(condition, message.value if isinstance(message, StringImm) else str(message))


def While(condition: Any) -> WhileFrame:
    """A loop that runs as long as `condition` holds."""
    return WhileFrame(condition)


def If(condition: Any) -> IfFrame:
    """A choice; T.Then and T.Else stand inside."""
    return IfFrame(condition)


def Then() -> ThenFrame:
    """What runs when the condition of T.If holds."""
    return ThenFrame()


def Else() -> ElseFrame:
    """What runs when the condition of T.If does not hold."""
    return ElseFrame()


def evaluate(value: Any) -> EvaluateClause:
    """A statement that evaluates an expression for its effect."""
    return EvaluateClause(value)


def buffer_store(buffer: Buffer, value: Any, indices: Any, predicate: Any = None) -> StoreClause:
    """A store, with a predicate if need be."""
    return StoreClause(buffer, value, indices, predicate)


def meta_var(value: Any) -> MetaVar:
    """The name stands for the value itself: no variable is made."""
    return MetaVar(value)


def iter_var(var: Any, dom: Any, iter_type: str | int, thread_tag: str = "") -> IterVar:
    """An iteration variable; `iter_type` is a name such as "DataPar" or "ThreadIndex", or its
    number.
    """
    if isinstance(iter_type, str):
        found = getattr(IterVar, iter_type, None)
        if not isinstance(found, int):
            raise TypeMismatchError(
                "There is no such kind of iteration variable.",
                expected="DataPar, ThreadIndex, CommReduce, Ordered, Opaque …",
                found=repr(iter_type),
            )
        iter_type = found
    return IterVar(as_range(dom) if dom is not None else None, var, iter_type, thread_tag)


def as_range(dom: Any) -> Range:
    """A range from an extent, a pair (begin, end), a slice, or a range."""
    if isinstance(dom, Range):
        return dom
    if isinstance(dom, tuple | list):
        pair = cast("list[Any]", dom)
        if len(pair) != 2:
            raise TypeMismatchError(
                "A domain is an extent or a pair (begin, end).", found=f"{dom!r:.80}"
            )
        return Range(pair[0], pair[1])
    if isinstance(dom, slice):
        part = cast("Any", dom)
        if part.step is not None:
            raise TypeMismatchError("A domain has no step.")
        return Range(0 if part.start is None else part.start, part.stop)
    return Range(_integer(dom, "The extent of a domain"))


__all__ = [
    "Assert",
    "Else",
    "If",
    "LetStmt",
    "Then",
    "While",
    "alloc_buffer",
    "allocate",
    "allocate_const",
    "attr",
    "axis",
    "block",
    "block_attr",
    "buffer_store",
    "decl_buffer",
    "env_thread",
    "evaluate",
    "func_attr",
    "grid",
    "init",
    "iter_var",
    "launch_thread",
    "let",
    "match_buffer",
    "meta_var",
    "parallel",
    "reads",
    "realize",
    "serial",
    "thread_binding",
    "unroll",
    "vectorized",
    "where",
    "writes",
]
