"""`graph(mod)`: graph functions as pictures of values and what computes them.

In: a module, or a graph function. Out: a `Graph`, whose `str` is a text tree and whose `svg()` is a
drawing: values as boxes, arrows from what they are computed of. A fused group (a function with the
attribute `Primitive`) and the loop function of a `call_tir` are boxes around what they hold.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pellucid.ir import hooks
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.op import Op
from pellucid.ir.visitor import pre_order
from pellucid.relax.analysis import graph_svg
from pellucid.relax.analysis.variables import used_vars
from pellucid.relax.expr import (
    Binding,
    Call,
    Constant,
    Expr,
    ExternFunc,
    Function,
    If,
    MatchCast,
    SeqExpr,
    Tuple,
    TupleGetItem,
    Var,
)
from pellucid.relax.struct_info import StructInfo, TensorStructInfo
from pellucid.support.errors import TypeMismatchError, UnsupportedError
from pellucid.tir.block import Block
from pellucid.tir.function import PrimFunc

_KERNEL_CALLS = ("relax.call_tir", "relax.call_tir_inplace")
_NAMED_CALLS = ("relax.call_dps_packed", "relax.call_pure_packed", "relax.call_packed")


@dataclass(frozen=True)
class GraphNode:
    """A value: `label` says what computes it, `detail` what is known of it.

    `inputs` are the names of the values that it is computed of; `parts` is what a fused group or a
    loop function holds.
    """

    name: str
    kind: str
    label: str
    detail: str
    inputs: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


@dataclass
class FunctionGraph:
    """The values of one graph function, in order."""

    name: str
    nodes: list[GraphNode] = field(default_factory=list[GraphNode])

    @property
    def edges(self) -> list[tuple[str, str]]:
        """Pairs of a value and one computed of it."""
        return [(each, node.name) for node in self.nodes for each in node.inputs]


class Graph:
    """The graph functions of a module, to be looked at."""

    def __init__(self, functions: list[FunctionGraph]) -> None:
        self.functions = functions

    def __str__(self) -> str:
        """A text tree: functions, their values in order, and what groups hold."""
        return "\n".join(line for each in self.functions for line in _text(each))

    __repr__ = __str__

    def dot(self) -> str:
        """The graph in the language of the program `dot`."""
        lines = ["digraph {", '  node [shape=box, fontname="monospace"];']
        for number, function in enumerate(self.functions):
            lines.append(f"  subgraph cluster_{number} {{")
            lines.append(f"    label={_quoted(function.name)};")
            for node in function.nodes:
                text = _quoted("\n".join(graph_svg.lines_of(node)))
                lines.append(f"    {_quoted(f'{number}.{node.name}')} [label={text}];")
            for source, target in function.edges:
                one, other = _quoted(f"{number}.{source}"), _quoted(f"{number}.{target}")
                lines.append(f"    {one} -> {other};")
            lines.append("  }")
        return "\n".join([*lines, "}"])

    def svg(self, layout: str = "auto") -> str:
        """A drawing. `layout` is "dot" (by graphviz), "plain" (our own, in layers), or "auto": by
        graphviz where the package and its program are installed.
        """
        if layout not in ("auto", "dot", "plain"):
            raise TypeMismatchError(
                f"There is no layout {layout!r}.", expected='"auto", "dot" or "plain"'
            )
        there = importlib.util.find_spec("graphviz") is not None and shutil.which("dot") is not None
        if layout == "dot" and not there:
            raise UnsupportedError(
                "The program dot is not there to lay the graph out.",
                cure='install graphviz and pellucid[viz], or use svg("plain")',
            )
        if layout == "plain" or not there:
            return graph_svg.draw(self.functions)
        import graphviz

        return graphviz.Source(self.dot()).pipe(format="svg", encoding="utf-8")

    def _repr_svg_(self) -> str:
        """The drawing, for notebooks."""
        return self.svg()

    def save(self, path: Any) -> None:
        """Write the drawing into a file."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.svg())


def graph(value: Any) -> Graph:
    """The picture of a module's graph functions, or of one graph function.

    Groups that others call are shown where they are called.
    """
    if isinstance(value, Function):
        name = str(value.attrs.get("global_symbol", "function"))
        return Graph([_Reader({}).read(name, value)])
    functions = getattr(value, "functions", None)
    if not isinstance(functions, Mapping):
        raise TypeMismatchError(
            "A graph is drawn of a module or of a graph function.",
            found=type(cast("object", value)).__name__,
        )
    table = {
        var.name_hint: function for var, function in cast("Mapping[Any, Any]", functions).items()
    }
    graphs = [
        _Reader(table).read(name, function)
        for name, function in table.items()
        if isinstance(function, Function) and not function.attrs.get("Primitive")
    ]
    return Graph(graphs)


class _Reader:
    """Reads one function."""

    def __init__(self, functions: Mapping[str, Any]) -> None:
        self.functions = functions
        self.names: dict[Any, str] = {}
        self.taken: dict[str, int] = {}
        self.nodes: list[GraphNode] = []

    def read(self, name: str, function: Function) -> FunctionGraph:
        """The values of `function`."""
        for param in function.params:
            self._add(param, param.name_hint, "parameter", "", param.struct_info_)
        self._sequence(function.body)
        inputs = self._inputs(function.body.body)
        result = GraphNode(
            self._fresh("result"), "output", "result", info_text(function.ret_struct_info), inputs
        )
        return FunctionGraph(name, [*self.nodes, result])

    def _sequence(self, seq: SeqExpr) -> None:
        for block in seq.blocks:
            for binding in block.bindings:
                self._binding(binding)

    def _binding(self, binding: Binding) -> None:
        value = binding.value
        if isinstance(value, If):
            self._sequence(value.true_branch)
            self._sequence(value.false_branch)
        if isinstance(value, Var) and not isinstance(binding, MatchCast) and value in self.names:
            # Another name of the same value.
            self.names[binding.var] = self.names[value]
            return
        inputs = self._inputs(value)
        label, parts = self._label(binding, value)
        self._add(
            binding.var, binding.var.name_hint, "value", label, binding.var.struct_info_, inputs,
            parts,
        )  # fmt: skip

    def _add(
        self,
        var: Any,
        hint: str,
        kind: str,
        label: str,
        info: StructInfo | None,
        inputs: tuple[str, ...] = (),
        parts: tuple[str, ...] = (),
    ) -> None:
        name = self._fresh(hint)
        self.names[var] = name
        self.nodes.append(GraphNode(name, kind, label, info_text(info), inputs, parts))

    def _fresh(self, hint: str) -> str:
        number = self.taken.get(hint, 0)
        self.taken[hint] = number + 1
        return f"{hint}_{number}" if number else hint

    def _inputs(self, value: Expr) -> tuple[str, ...]:
        for each in pre_order(value):
            if isinstance(each, Constant) and each.data.ndim > 0 and each not in self.names:
                self._add(each, "const", "constant", "", each.struct_info_)
        found = [self.names[each] for each in used_vars(value) if each in self.names]
        if isinstance(value, If):
            branches = (value.true_branch.body, value.false_branch.body)
            found += [self.names[each] for each in branches if each in self.names]
        found += [
            self.names[each]
            for each in pre_order(value)
            if isinstance(each, Constant) and each in self.names
        ]
        return tuple(dict.fromkeys(found))

    def _label(self, binding: Binding, value: Expr) -> tuple[str, tuple[str, ...]]:
        """What computes a value, and what that holds."""
        if isinstance(binding, MatchCast):
            return "match_cast", ()
        if isinstance(value, Call):
            return self._call(value)
        if isinstance(value, TupleGetItem):
            return f"field {value.index}", ()
        if isinstance(value, If):
            return "if", ()
        if isinstance(value, Tuple):
            return "tuple", ()
        return type(value).__name__, ()

    def _call(self, call: Call) -> tuple[str, tuple[str, ...]]:
        op = call.op
        if isinstance(op, Op):
            name = op.name
            if name in _KERNEL_CALLS and call.args and isinstance(call.args[0], GlobalVar):
                callee = call.args[0].name_hint
                return callee, self._blocks(callee)
            if name in _NAMED_CALLS and call.args and isinstance(call.args[0], ExternFunc):
                return call.args[0].global_symbol, ()
            return name.removeprefix("relax."), ()
        if isinstance(op, GlobalVar):
            return op.name_hint, self._group(op.name_hint)
        if isinstance(op, ExternFunc):
            return op.global_symbol, ()
        return f"call of {hooks.repr_printer.get()(op)}", ()

    def _blocks(self, name: str) -> tuple[str, ...]:
        """The blocks of a loop function."""
        function = self.functions.get(name)
        if not isinstance(function, PrimFunc):
            return ()
        found = [each.name_hint for each in pre_order(function.body) if isinstance(each, Block)]
        return tuple(each for each in found if each != "root")

    def _group(self, name: str) -> tuple[str, ...]:
        """What the bindings of a fused group compute."""
        function = self.functions.get(name)
        if not isinstance(function, Function):
            return ()
        if not function.attrs.get("Primitive"):
            return ()
        inner = [b for block in function.body.blocks for b in block.bindings]
        return tuple(self._label(each, each.value)[0] for each in inner)


def info_text(info: StructInfo | None) -> str:
    """What is known of a value, in short: `(n, 784) float32`."""
    if isinstance(info, TensorStructInfo):
        values: Any = getattr(info.shape, "values", None)
        text = hooks.repr_printer.get()
        if values is None:
            shape = "?" if info.ndim < 0 else f"({', '.join('?' * info.ndim)})"
        else:
            parts = [str(getattr(each, "value", None) or text(each)) for each in values]
            shape = f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        return f"{shape} {info.dtype}".rstrip()
    return "" if info is None else hooks.repr_printer.get()(info)


def _text(function: FunctionGraph) -> Iterator[str]:
    yield function.name
    for index, node in enumerate(function.nodes):
        last = index == len(function.nodes) - 1
        given = f"({', '.join(node.inputs)})" if node.inputs or node.kind == "value" else ""
        what = f" = {node.label}{given}" if node.kind == "value" else f": {node.kind}{given}"
        if node.kind == "output":
            what = f"{given}"
        yield f"{'└─' if last else '├─'} {node.name}{what}  {node.detail}".rstrip()
        for place, part in enumerate(node.parts):
            stem = "   " if last else "│  "
            yield f"{stem}{'└─' if place == len(node.parts) - 1 else '├─'} {part}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
