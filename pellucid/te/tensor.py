"""Tensors of the tensor-expression language, and the operations that produce them.

A `Tensor` is the result of an operation; calling or indexing it gives the expression for one
element. Nothing is computed here: `create_prim_func` turns the operations behind some tensors into
a loop function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from pellucid.ir.attrs import EMPTY, Attrs, as_attrs
from pellucid.ir.dtype import DataType
from pellucid.ir.node import Node, binder, child, data, meta, node
from pellucid.ir.prim_expr import ExprOperators, PrimExpr
from pellucid.ir.scalar import IterVar, as_expr, as_exprs
from pellucid.support.errors import TypeMismatchError
from pellucid.tir.buffer import Buffer
from pellucid.tir.reduction import Reduce
from pellucid.tir.stmt import Stmt


@node
class Operation(Node):
    """Base of operations: something that produces one or more tensors."""

    name: str = meta()

    @property
    def num_outputs(self) -> int:
        """How many tensors it produces."""
        return 1

    def output(self, index: int) -> Tensor:
        """Tensor number `index`."""
        return Tensor(self, index)

    def output_shape(self, index: int) -> tuple[PrimExpr, ...]:
        """The shape of tensor number `index`."""
        raise NotImplementedError

    def output_dtype(self, index: int) -> DataType:
        """The dtype of tensor number `index`."""
        raise NotImplementedError

    @property
    def input_tensors(self) -> list[Tensor]:
        """The tensors that it reads, each once, in the order of their first use."""
        return []


@node
class PlaceholderOp(Operation):
    """A tensor that is given."""

    shape: tuple[PrimExpr, ...] = child(converter=as_exprs)
    dtype: DataType = data(converter=DataType)

    def output_shape(self, index: int) -> tuple[PrimExpr, ...]:
        """The shape given."""
        del index
        return self.shape

    def output_dtype(self, index: int) -> DataType:
        """The dtype given."""
        del index
        return self.dtype


@node
class ComputeOp(Operation):
    """Every element by an expression `body` over `axis`; several results have several bodies."""

    tag: str = data(default="")
    attrs: Attrs = child(default=EMPTY, converter=as_attrs)
    axis: tuple[IterVar, ...] = binder(default=(), converter=tuple)
    body: tuple[PrimExpr, ...] = child(default=(), converter=as_exprs)
    shape: tuple[PrimExpr, ...] = child(default=(), converter=as_exprs)

    @property
    def num_outputs(self) -> int:
        """As many as there are bodies."""
        return len(self.body)

    @property
    def reduce_axis(self) -> tuple[IterVar, ...]:
        """The axes that the body reduces over."""
        first = self.body[0]
        return first.axis if isinstance(first, Reduce) else ()

    def output_shape(self, index: int) -> tuple[PrimExpr, ...]:
        """The extents of the axes."""
        del index
        return self.shape

    def output_dtype(self, index: int) -> DataType:
        """The dtype of that body."""
        return self.body[index].dtype

    @property
    def input_tensors(self) -> list[Tensor]:
        """The tensors in the bodies."""
        found: dict[tuple[int, int], Tensor] = {}
        for body in self.body:
            for load in _loads(body):
                found.setdefault(load.producer.key, load.producer)
        return list(found.values())


@node
class ExternOp(Operation):
    """Tensors filled by a statement of the user's about buffers for the inputs and outputs."""

    tag: str = data(default="")
    attrs: Attrs = child(default=EMPTY, converter=as_attrs)
    inputs: tuple[Tensor, ...] = child(default=(), converter=tuple)
    input_placeholders: tuple[Buffer, ...] = child(default=(), converter=tuple)
    output_placeholders: tuple[Buffer, ...] = child(default=(), converter=tuple)
    body: Stmt = child(default=None)

    @property
    def num_outputs(self) -> int:
        """As many as there are output buffers."""
        return len(self.output_placeholders)

    def output_shape(self, index: int) -> tuple[PrimExpr, ...]:
        """The shape of that output buffer."""
        return self.output_placeholders[index].shape

    def output_dtype(self, index: int) -> DataType:
        """The dtype of that output buffer."""
        return self.output_placeholders[index].dtype

    @property
    def input_tensors(self) -> list[Tensor]:
        """The inputs, each once."""
        return list({tensor.key: tensor for tensor in self.inputs}.values())


def _indices(value: Any) -> tuple[Any, ...]:
    return tuple(cast("list[Any]", value)) if isinstance(value, tuple | list) else (value,)


# Arithmetic between tensors; `topi` puts its broadcasting functions here.
tensor_operators: dict[str, Callable[..., Any]] = {}


def _operator(name: str, a: Any, b: Any) -> Any:
    function = tensor_operators.get(name)
    if function is None:
        raise TypeMismatchError(
            "Whole tensors are combined by topi.", found=name, cure="import pellucid.topi"
        )
    return function(a, b)


@node
class Tensor(Node):
    """Result number `value_index` of an operation. `A[i, j]` and `A(i, j)` are its elements."""

    is_variable = True
    op: Operation = data(key=id)
    value_index: int = data(default=0)

    @property
    def key(self) -> tuple[int, int]:
        """What two handles of one tensor share."""
        return id(self.op), self.value_index

    @property
    def shape(self) -> tuple[PrimExpr, ...]:
        """The shape, as expressions."""
        return self.op.output_shape(self.value_index)

    @property
    def dtype(self) -> DataType:
        """The element type."""
        return self.op.output_dtype(self.value_index)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def name(self) -> str:
        """The operation's name, with the number of the result where there are several."""
        return self.op.name if self.op.num_outputs == 1 else f"{self.op.name}.v{self.value_index}"

    def __call__(self, *indices: Any) -> ProducerLoad:
        """The element at `indices`."""
        return ProducerLoad(self, indices)

    def __getitem__(self, indices: Any) -> Any:
        """The element at `indices`; with fewer indices, a slice to be indexed further."""
        return TensorSlice(self, ())[_indices(indices)]

    def __len__(self) -> int:
        """The extent of the first dimension, which must be constant."""
        return int(self.shape[0])  # pyright: ignore[reportArgumentType]  # constants convert

    def __iter__(self) -> Iterator[Any]:
        """A tensor is no sequence."""
        raise TypeMismatchError(f"The tensor {self.name!r} cannot be iterated over; index it.")

    def __eq__(self, other: object) -> bool:
        """The same result of the same operation."""
        return isinstance(other, Tensor) and other.key == self.key

    def __hash__(self) -> int:
        """By operation and number."""
        return hash(self.key)

    def __add__(self, other: Any) -> Any:
        """Element by element, broadcast."""
        return _operator("add", self, other)

    def __radd__(self, other: Any) -> Any:
        """Element by element, broadcast."""
        return _operator("add", other, self)

    def __sub__(self, other: Any) -> Any:
        """Element by element, broadcast."""
        return _operator("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        """Element by element, broadcast."""
        return _operator("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        """Element by element, broadcast."""
        return _operator("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        """Element by element, broadcast."""
        return _operator("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        """Element by element, broadcast."""
        return _operator("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        """Element by element, broadcast."""
        return _operator("divide", other, self)

    def __neg__(self) -> Any:
        """Element by element."""
        return _operator("multiply", self, -1)


class TensorSlice(ExprOperators):
    """A tensor with some of its indices given; with all of them it stands for the element."""

    __slots__ = ("indices", "tensor")

    def __init__(self, tensor: Tensor, indices: tuple[Any, ...]) -> None:
        self.tensor = tensor
        self.indices = indices

    @property
    def dtype(self) -> DataType:
        """The element type."""
        return self.tensor.dtype

    def __getitem__(self, indices: Any) -> Any:
        """More indices."""
        every = (*self.indices, *_indices(indices))
        if len(every) >= self.tensor.ndim:
            return ProducerLoad(self.tensor, every)
        return TensorSlice(self.tensor, every)

    def asobject(self) -> ProducerLoad:
        """The element, when no index is missing."""
        return ProducerLoad(self.tensor, self.indices)


@node
class ProducerLoad(PrimExpr):
    """The element of a tensor at `indices`."""

    producer: Tensor = child()
    indices: tuple[PrimExpr, ...] = child(converter=lambda i: tuple([as_expr(each) for each in i]))

    def __post_init__(self) -> None:
        """Check the rank."""
        if len(self.indices) != self.producer.ndim:
            raise TypeMismatchError(
                f"The tensor {self.producer.name!r} has {self.producer.ndim} dimensions.",
                expected=f"{self.producer.ndim} indices",
                found=f"{len(self.indices)}",
            )

    def infer_dtype(self) -> DataType:
        """The tensor's."""
        return self.producer.dtype


def _loads(expr: PrimExpr) -> Iterator[ProducerLoad]:
    """The elements that an expression reads, in order."""
    stack: list[Any] = [expr]
    while stack:
        current = stack.pop()
        if isinstance(current, ProducerLoad):
            yield current
        below: list[Any] = []
        if not current.is_variable:
            current.walk(below.append, below.append)
        stack.extend(reversed(below))
