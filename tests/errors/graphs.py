"""Building graph modules by hand, for wrong programs: short names for nodes, and cases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid import relax
from pellucid.ir.module import IRModule
from pellucid.script import from_source

T4 = relax.TensorStructInfo((4,), "float32")
BOOL = relax.TensorStructInfo((), "bool")

Case = tuple[Callable[[], IRModule], str]


class Cases(list[Case]):
    """Functions that make ill-formed modules, each with the message that it has to give."""

    def case(self, message: str) -> Callable[[Callable[[], IRModule]], Callable[[], IRModule]]:
        """Add the function below."""

        def add(make: Callable[[], IRModule]) -> Callable[[], IRModule]:
            self.append((make, message))
            return make

        return add

    def names(self) -> list[str]:
        """The names of the functions."""
        return [make.__name__ for make, _ in self]


def var(name: str, info: relax.StructInfo | None = T4) -> relax.Var:
    return relax.Var(name, info)


def packed(*args: relax.Expr, info: relax.StructInfo = T4) -> relax.Call:
    return relax.call_pure_packed("f", *args, sinfo_args=info).replace(struct_info_=info)


def bind(bound: relax.Var, value: relax.Expr) -> relax.VarBinding:
    return relax.VarBinding(bound, value)


def function(
    params: list[relax.Var],
    blocks: list[relax.BindingBlock],
    result: relax.Expr,
    ret: relax.StructInfo | None = T4,
    **options: Any,
) -> relax.Function:
    return relax.Function(params, relax.SeqExpr(blocks, result), ret, **options)


def plain(*bindings: relax.Binding) -> relax.BindingBlock:
    return relax.BindingBlock(bindings)


def dataflow(*bindings: relax.Binding) -> relax.DataflowBlock:
    return relax.DataflowBlock(bindings)


def module(**functions: relax.Function) -> IRModule:
    return IRModule({n: f.with_attr("global_symbol", n) for n, f in functions.items()})


def script(text: str) -> IRModule:
    """A module of one class, whose parser does not ask the verifier."""
    return from_source(text, check_well_formed=False)
