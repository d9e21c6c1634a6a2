"""`PrimFunc`: a function of loops over buffers, called in destination-passing style."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.ir import hooks
from pellucid.ir.attrs import as_attrs
from pellucid.ir.dtype import DataType
from pellucid.ir.function import BaseFunc
from pellucid.ir.node import Map, binder, child, data, node
from pellucid.ir.scalar import Var
from pellucid.ir.types import PrimType, TupleType, Type
from pellucid.support.errors import TypeMismatchError
from pellucid.tir.buffer import Buffer
from pellucid.tir.stmt import Stmt


def _return_type(value: Any) -> Type:
    if value is None:
        return TupleType()
    return value if isinstance(value, Type) else PrimType(DataType(value))


@node
class PrimFunc(BaseFunc):
    """A loop function: `body` runs with `params` bound to the arguments.

    A parameter that is a key of `buffer_map` is a tensor argument, seen through that buffer; any
    other is a scalar. Symbolic dimensions in the buffers' shapes are defined there, and bound by
    the first tensor that shows them. `ret_type` is empty for functions that return nothing.
    `params` may be given as buffers, whose handles are made.
    """

    params: tuple[Var, ...] = binder(converter=tuple)
    body: Stmt = child()
    ret_type: Type = data(
        default=None,
        converter=_return_type,
        key=lambda t: (type(t).__name__, str(getattr(t, "dtype", ""))),
    )
    buffer_map: Map = binder(default=None, converter=lambda m: m if isinstance(m, Map) else Map(m))
    visit_order = ("params", "buffer_map", "body", "ret_type", "attrs", "struct_info_", "span")

    def __init__(
        self,
        params: Any,
        body: Stmt,
        ret_type: Any = None,
        buffer_map: Mapping[Var, Buffer] | None = None,
        attrs: Any = None,
        span: Any = None,
        *,
        struct_info_: Any = None,
    ) -> None:
        table = dict(buffer_map or {})
        names: list[Var] = []
        for param in params:
            if isinstance(param, Buffer):
                handle = Var(f"{param.name}_handle", "handle")
                table[handle] = param
                names.append(handle)
            elif isinstance(param, Var):
                names.append(param)
            else:
                raise TypeMismatchError("A parameter is a variable or a buffer.", found=repr(param))
        self._init("params", tuple(names))
        self._init("body", body)
        self._init("ret_type", _return_type(ret_type))
        # In the order of the parameters, so that comparison pairs them.
        self._init("buffer_map", Map({p: table[p] for p in names if p in table}))
        self._init("attrs", as_attrs(attrs))
        self._init("span", span)
        self._init("struct_info_", struct_info_)

    def with_body(self, body: Stmt, span: Any = None) -> PrimFunc:
        """A copy with another body; the same object when it is the same body."""
        del span
        return self if body is self.body else self.replace(body=body)

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """The buffers of the tensor parameters, in order."""
        return tuple([self.buffer_map[p] for p in self.params if p in self.buffer_map])

    def specialize(self, values: Mapping[Var, Any]) -> PrimFunc:
        """A copy in which parameters or symbolic dimensions have the given values; see
        `tir.specialize`.
        """
        return hooks.specializer.get()(self, values)
