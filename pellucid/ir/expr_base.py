"""Bases that both levels share above the scalars: graph expressions, global names, functions."""

from __future__ import annotations

from typing import Any

from pellucid.ir.node import Node, data, meta, node
from pellucid.support.errors import TypeMismatchError


class GraphOperators:
    """Python operators on graph expressions; `relax.operators` says what they build."""

    __slots__ = ()
    # NumPy leaves `array + expression` to the expression.
    __array_ufunc__ = None

    def __add__(self, other: Any) -> Any:
        """`self + other`, element by element."""
        return graph_operators["binary"]("add", self, other)

    def __radd__(self, other: Any) -> Any:
        """`other + self`, element by element."""
        return graph_operators["binary"]("add", other, self)

    def __sub__(self, other: Any) -> Any:
        """`self - other`, element by element."""
        return graph_operators["binary"]("sub", self, other)

    def __rsub__(self, other: Any) -> Any:
        """`other - self`, element by element."""
        return graph_operators["binary"]("sub", other, self)

    def __mul__(self, other: Any) -> Any:
        """`self * other`, element by element."""
        return graph_operators["binary"]("mul", self, other)

    def __rmul__(self, other: Any) -> Any:
        """`other * self`, element by element."""
        return graph_operators["binary"]("mul", other, self)

    def __truediv__(self, other: Any) -> Any:
        """`self / other`, element by element."""
        return graph_operators["binary"]("truediv", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        """`other / self`, element by element."""
        return graph_operators["binary"]("truediv", other, self)

    def __floordiv__(self, other: Any) -> Any:
        """`self // other`, element by element."""
        return graph_operators["binary"]("floordiv", self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        """`other // self`, element by element."""
        return graph_operators["binary"]("floordiv", other, self)

    def __mod__(self, other: Any) -> Any:
        """`self % other`, element by element."""
        return graph_operators["binary"]("mod", self, other)

    def __rmod__(self, other: Any) -> Any:
        """`other % self`, element by element."""
        return graph_operators["binary"]("mod", other, self)

    def __pow__(self, other: Any) -> Any:
        """`self ** other`, element by element."""
        return graph_operators["binary"]("pow", self, other)

    def __rpow__(self, other: Any) -> Any:
        """`other ** self`, element by element."""
        return graph_operators["binary"]("pow", other, self)

    def __lt__(self, other: Any) -> Any:
        """`self < other`, element by element; `==` is identity."""
        return graph_operators["binary"]("lt", self, other)

    def __gt__(self, other: Any) -> Any:
        """`self > other`, element by element; `==` is identity."""
        return graph_operators["binary"]("gt", self, other)

    def __le__(self, other: Any) -> Any:
        """`self <= other`, element by element; `==` is identity."""
        return graph_operators["binary"]("le", self, other)

    def __ge__(self, other: Any) -> Any:
        """`self >= other`, element by element; `==` is identity."""
        return graph_operators["binary"]("ge", self, other)

    def __neg__(self) -> Any:
        """`-self`, element by element."""
        return graph_operators["negative"](self)

    def __abs__(self) -> Any:
        """`abs(self)`, element by element."""
        return graph_operators["magnitude"](self)

    def __matmul__(self, other: Any) -> Any:
        """`self @ other`: the product of matrices."""
        return graph_operators["product"](self, other)

    def __rmatmul__(self, other: Any) -> Any:
        """`other @ self`."""
        return graph_operators["product"](other, self)

    def __getitem__(self, index: Any) -> Any:
        """A field of a tuple, or a part of a tensor."""
        return graph_operators["getitem"](self, index)

    def __iter__(self) -> Any:
        """The fields of a tuple; nothing else can be unpacked."""
        return graph_operators["iterate"](self)

    def astype(self, dtype: str) -> Any:
        """This tensor converted to `dtype`."""
        return graph_operators["astype"](self, dtype)


# Filled in by `relax.operators`.
graph_operators: dict[str, Any] = {}


@node
class RelaxExpr(GraphOperators, Node):
    """A graph-level expression. `struct_info` says what is known of its value; it is filled in
    by normalisation.
    """

    struct_info_: Any = meta(default=None, kw_only=True, renewed=True)

    @property
    def struct_info(self) -> Any:
        """What is known of the value (a `relax.StructInfo`); an error before the expression was
        normalised.
        """
        if self.struct_info_ is None:
            raise TypeMismatchError(
                f"This {type(self).__name__} has no struct info yet.",
                found=repr(self),
                cure="emit it with a BlockBuilder, or call BlockBuilder.normalize on it",
            )
        return self.struct_info_

    @property
    def ty(self) -> Any:
        """The later name of `struct_info`."""
        return self.struct_info

    @property
    def shape_(self) -> Any:
        """The first generation's name of `struct_info.shape`."""
        return graph_operators["shape_"](self)

    @property
    def checked_type(self) -> Any:
        """What the first generation had beside the shape: rank and dtype, as a `DynTensorType`."""
        return graph_operators["checked_type"](self)

    @property
    def _checked_type_(self) -> Any:
        """The same."""
        return graph_operators["checked_type"](self)

    @property
    def checked_type_(self) -> Any:
        """The same."""
        return graph_operators["checked_type"](self)


@node
class GlobalVar(RelaxExpr):
    """The name of a function of a module. Its signature is the function's, which the module
    keeps.
    """

    name_hint: str = data()

    def __call__(self, *args: Any, attrs: Any = None) -> Any:
        """A call of the function: of graph expressions or of scalars, by what the arguments are."""
        from_level = call_builders[
            "relax" if any(isinstance(a, RelaxExpr) for a in args) or not args else "tir"
        ]
        return from_level(self, args, attrs)


# How a GlobalVar builds a call: "relax" and "tir" are filled in by those levels when they are
# imported.
call_builders: dict[str, Any] = {}
