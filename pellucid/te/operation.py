"""Making tensors: `placeholder`, `compute`, `extern`, variables and axes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from pellucid.ir.dtype import DataType
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IterVar, Range, SizeVar, Var, as_expr, as_exprs
from pellucid.support.errors import TypeMismatchError
from pellucid.te.tensor import ComputeOp, ExternOp, PlaceholderOp, Tensor
from pellucid.tir.buffer import Buffer, decl_buffer
from pellucid.tir.reduction import Reduce
from pellucid.tir.stmt import Evaluate, Stmt


def var(name: str = "tindex", dtype: str = "int32", span: Any = None) -> Var:
    """A variable."""
    return Var(name, dtype, span)


def size_var(name: str = "size", dtype: str = "int32", span: Any = None) -> SizeVar:
    """A variable that is not negative, for dimensions."""
    return SizeVar(name, dtype, span)


def const(value: Any, dtype: str = "int32") -> PrimExpr:
    """A constant."""
    return as_expr(value).astype(dtype)


def thread_axis(dom: Any = None, tag: str = "", name: str = "", span: Any = None) -> IterVar:
    """An iteration variable of the thread axis `tag`, such as "threadIdx.x"."""
    if isinstance(dom, str):
        dom, tag = None, dom
    if not tag:
        raise TypeMismatchError("A thread axis needs a tag.", expected='such as "threadIdx.x"')
    extent = None if dom is None else _range(dom)
    return IterVar(extent, Var(name or tag, "int32"), IterVar.ThreadIndex, tag, span=span)


def _range(dom: Any) -> Range:
    if isinstance(dom, Range):
        return dom
    low, high = cast("tuple[Any, Any]", tuple(dom))
    return Range(low, high)


def reduce_axis(dom: Any, name: str = "rv", thread_tag: str = "", span: Any = None) -> IterVar:
    """An axis to reduce over, from `dom[0]` up to and without `dom[1]`."""
    domain = _range(dom)
    dtype = domain.extent.dtype
    return IterVar(domain, Var(name, dtype), IterVar.CommReduce, thread_tag, span=span)


def placeholder(shape: Any, dtype: str | None = None, name: str = "placeholder") -> Tensor:
    """A tensor that is given, of `shape` (a single extent counts as one dimension) and `dtype`."""
    return PlaceholderOp(name, as_exprs(shape), dtype or "float32").output(0)


def _axis_names(function: Callable[..., Any], rank: int, names: Sequence[str] | None) -> list[str]:
    """The names of the axes: those of the function's parameters."""
    spec = inspect.getfullargspec(function)
    args = [name for name in spec.args if name != "self"]
    if spec.varargs is None:
        return args if args else [f"i{axis}" for axis in range(rank)]
    left = rank - len(args)
    if names is not None and len(names) != left:
        raise TypeMismatchError(
            "varargs_names must name the remaining axes.", expected=str(left), found=str(len(names))
        )
    return [*args, *(names or [f"i{axis}" for axis in range(left)])]


def compute(
    shape: Any,
    fcompute: Callable[..., Any],
    name: str = "compute",
    tag: str = "",
    attrs: Mapping[str, Any] | None = None,
    varargs_names: Sequence[str] | None = None,
) -> Any:
    """A tensor of `shape` whose element at the indices `i, j, …` is `fcompute(i, j, …)`.

    A tuple of results gives a tuple of tensors. With fewer parameters than dimensions, the rest is
    not indexed.
    """
    extents = as_exprs(shape)
    names = _axis_names(fcompute, len(extents), varargs_names)
    if len(names) > len(extents):
        raise TypeMismatchError(
            "The function has more parameters than the shape has dimensions.",
            expected=f"at most {len(extents)}",
            found=", ".join(names),
        )
    axes = [
        IterVar(Range(0, extent), Var(axis, extent.dtype), IterVar.DataPar)
        for axis, extent in zip(names, extents, strict=False)
    ]
    # A function that leaves out trailing indices has a value that does not depend on them.
    for number in range(len(names), len(extents)):
        extent = extents[number]
        axes.append(IterVar(Range(0, extent), Var(f"i{number}", extent.dtype), IterVar.DataPar))
    value = fcompute(*[axis.var for axis in axes[: len(names)]])
    several = isinstance(value, tuple | list)
    bodies = as_exprs(value)
    _check_reductions(bodies)
    operation = ComputeOp(name, tag, attrs, axes, bodies, extents)
    tensors = tuple([operation.output(index) for index in range(len(bodies))])
    return tensors if several else tensors[0]


def _check_reductions(bodies: tuple[PrimExpr, ...]) -> None:
    """A reduction stands at the top of a body; several bodies reduce together."""
    for body in bodies:
        inner = body.source if isinstance(body, Reduce) else (body,)
        stack: list[Any] = list(inner)
        while stack:
            current = stack.pop()
            if isinstance(current, Reduce):
                raise TypeMismatchError(
                    "A reduction must be the whole value of a compute.",
                    found=repr(body),
                    cure="give the reduction a compute of its own, and use its elements",
                )
            if not current.is_variable:
                current.walk(stack.append, stack.append)
    kinds = {isinstance(body, Reduce) for body in bodies}
    if len(kinds) > 1:
        raise TypeMismatchError("Either all values of a compute are reductions, or none is.")


def extern(
    shape: Any,
    inputs: Sequence[Tensor],
    fcompute: Callable[[list[Buffer], list[Buffer]], Any],
    name: str = "extern",
    dtype: Any = None,
    in_buffers: Any = None,
    out_buffers: Any = None,
    tag: str = "",
    attrs: Mapping[str, Any] | None = None,
) -> Any:
    """Tensors filled by what `fcompute(ins, outs)` gives: a statement, or an expression evaluated
    for its effect.

    `shape` is one shape, or a list of shapes for several results; `dtype` one dtype or a list of
    them.
    """
    shapes = shape if shape and isinstance(shape[0], tuple | list) else [shape]
    if out_buffers is not None:
        outs = _buffers(out_buffers)
    else:
        dtypes = _dtypes(dtype, inputs, len(shapes))
        outs = [decl_buffer(s, d, name) for s, d in zip(shapes, dtypes, strict=True)]
    ins = (
        _buffers(in_buffers)
        if in_buffers is not None
        else [decl_buffer(t.shape, t.dtype, t.op.name) for t in inputs]
    )
    body = fcompute(ins, outs)
    statement = body if isinstance(body, Stmt) else Evaluate(body)
    operation = ExternOp(name, tag, attrs, inputs, ins, outs, statement)
    tensors = [operation.output(index) for index in range(len(outs))]
    return tensors[0] if len(tensors) == 1 else tensors


def _buffers(value: Any) -> list[Buffer]:
    return [value] if isinstance(value, Buffer) else list(value)


def _dtypes(dtype: Any, inputs: Sequence[Tensor], count: int) -> list[str]:
    if dtype is None:
        known = {str(tensor.dtype) for tensor in inputs}
        if len(known) != 1:
            raise TypeMismatchError(
                "The dtype of the results cannot be told from the inputs.",
                found=", ".join(sorted(known)) or "no inputs",
                cure="pass dtype=",
            )
        return [known.pop()] * count
    return [str(DataType(dtype))] * count if isinstance(dtype, str) else [str(d) for d in dtype]
