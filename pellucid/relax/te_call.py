"""Tensor expressions as calls: what `BlockBuilder.call_te` and `emit_te` do.

In: a function of the tensor-expression language and graph values for its arguments. Out: a private
loop function added to the builder's module, and the `call_tir` of it. The loop function has
symbolic variables of its own; those that no tensor's shape binds become int64 parameters of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, cast

from pellucid import te
from pellucid.arith.analyzer import Analyzer
from pellucid.ir.attrs import Attrs
from pellucid.ir.dtype import UNKNOWN
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.function import BaseFunc
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, SizeVar, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import pre_order, substitute
from pellucid.relax.call import call_tir
from pellucid.relax.expr import (
    Call,
    DataTypeImm,
    Expr,
    PrimValue,
    ShapeExpr,
    StringImm,
    Tuple,
    TupleGetItem,
    as_relax_expr,
    te_tensor_hook,
)
from pellucid.relax.expr import Var as GraphVar
from pellucid.relax.struct_info import (
    PrimStructInfo,
    ShapeStructInfo,
    StructInfo,
    TensorStructInfo,
    TupleStructInfo,
)
from pellucid.relax.symbolic import tir_vars_in_expr
from pellucid.support.errors import InternalError, TypeMismatchError
from pellucid.support.naming import identifier
from pellucid.tir.function import PrimFunc
from pellucid.topi.shapes import UnequalExtentsError, extents_assumed_equal


class Builder(Protocol):
    """What a call of a tensor-expression function needs of the `BlockBuilder`."""

    def normalize_argument(self, expr: Expr) -> Expr:
        """`expr` as a leaf or a tuple of leaves."""
        ...

    def info_of(self, expr: Expr) -> StructInfo | None:
        """The struct info of a normal expression."""
        ...

    def add_func(self, func: BaseFunc, func_name: str) -> GlobalVar:
        """Add a function to the module, or find it there."""
        ...

    def accepts_bindings(self) -> bool:
        """Whether a block is open."""
        ...

    def match_cast(self, value: Any, struct_info: StructInfo, name_hint: str = "") -> GraphVar:
        """Bind `value`, seen as `struct_info`."""
        ...


def placeholder_of(info: TensorStructInfo, shape: Iterable[PrimExpr], name: str) -> te.Tensor:
    """The placeholder of a tensor of known dtype."""
    if info.dtype == UNKNOWN:
        raise TypeMismatchError(
            f"The dtype of {name!r} has to be known to compute with its elements.",
            found=repr(info),
            cure="bind the value by match_cast with a dtype",
        )
    return te.placeholder(list(shape), info.dtype, name)


def known_dims(info: TensorStructInfo) -> tuple[PrimExpr, ...] | None:
    """The dimensions of a tensor, or None where they are not all known."""
    shape: Any = info.shape
    if isinstance(shape, ShapeExpr):
        return shape.values
    held = None if shape is None else shape.struct_info_
    return held.values if isinstance(held, ShapeStructInfo) else None


class _Arguments:
    """Turns graph values into arguments of a tensor-expression function, and remembers them."""

    def __init__(
        self, builder: Builder | None = None, seen: Mapping[Expr, Expr] | None = None
    ) -> None:
        self.builder = builder
        # What stands in the place of some arguments, and what each argument is in the end.
        self.seen: Mapping[Expr, Expr] = seen or {}
        self.origins: dict[Expr, Expr] = {}
        self.exprs: list[Expr] = []
        self.tensors: list[te.Tensor] = []
        self.own: dict[Var, Var] = {}
        self.guessed = False

    def convert(self, value: Any) -> Any:
        """What the function sees of `value`."""
        if isinstance(value, Expr):
            return self.graph_value(value)
        if isinstance(value, PrimExpr):
            return self.scalar(value)
        if isinstance(value, str | bytes | Attrs):
            return value
        if isinstance(value, list | tuple):
            items = [self.convert(each) for each in cast("list[Any]", value)]
            return tuple(items) if isinstance(value, tuple) else items
        if isinstance(value, Mapping):
            table = cast("Mapping[Any, Any]", value)
            return {key: self.convert(each) for key, each in table.items()}
        return value

    def scalar(self, value: PrimExpr) -> PrimExpr:
        """A scalar expression over the loop function's own variables."""
        for each in tir_vars_in_expr(value):
            if each not in self.own:
                self.own[each] = type(each)(each.name, each.dtype)
        return substitute(value, self.own)

    def graph_value(self, value: Expr) -> Any:
        """Tensors become placeholders, shapes lists, numbers and strings themselves."""
        whole = value if self.builder is None else self.builder.normalize_argument(value)
        found = self.seen.get(whole, whole)
        if isinstance(found, GraphVar):
            self.origins[whole] = found
        if isinstance(found, Tuple):
            return [self.graph_value(each) for each in found.fields]
        if isinstance(found, StringImm):
            return found.value
        if isinstance(found, DataTypeImm):
            return str(found.value)
        if isinstance(found, PrimValue):
            return self.scalar(found.value)
        info = found.struct_info_ if self.builder is None else self.builder.info_of(found)
        if isinstance(info, TensorStructInfo):
            return self.tensor(found, info)
        if isinstance(info, TupleStructInfo):
            return [self.graph_value(TupleGetItem(found, i)) for i in range(len(info.fields))]
        if isinstance(info, ShapeStructInfo) and info.values is not None:
            return [self.scalar(each) for each in info.values]
        if isinstance(info, PrimStructInfo) and info.value is not None:
            return self.scalar(info.value)
        raise TypeMismatchError(
            "A tensor expression cannot be made of this value.",
            expected="a tensor, a shape or a number that is known, or a tuple of them",
            found=repr(info),
            cure="bind it by match_cast to an info that names its dimensions",
        )

    def tensor(self, expr: Expr, info: TensorStructInfo) -> te.Tensor:
        """The placeholder of a tensor."""
        dims = known_dims(info)
        number = len(self.tensors)
        name = expr.name_hint if isinstance(expr, GraphVar) else _letters(number)
        if dims is None:
            raise TypeMismatchError(
                f"The shape of {name!r} has to be known to compute with its elements.",
                found=repr(info),
                cure="bind the value by match_cast with dimensions: R.Tensor((n, m), dtype)",
            )
        if info.dtype == UNKNOWN and self.builder is None:
            self.guessed = True
            info = TensorStructInfo(info.shape, "float32")
        for each in dims:
            # A dimension is not negative, whether its variable says so or not.
            if isinstance(each, Var) and each not in self.own:
                self.own[each] = SizeVar(each.name, each.dtype)
        made = placeholder_of(info, [self.scalar(each) for each in dims], identifier(name))
        self.exprs.append(expr)
        self.tensors.append(made)
        return made


def _letters(number: int) -> str:
    """A, B, …, Z, A1, B1 …"""
    rounds, letter = divmod(number, 26)
    return chr(ord("A") + letter) + (str(rounds) if rounds else "")


def _outputs(value: Any, func: Callable[..., Any], inputs: list[te.Tensor]) -> list[te.Tensor]:
    """The results as a list of tensors, each computed and each once."""
    found = list(cast("list[Any]", value)) if isinstance(value, list | tuple) else [value]
    taken = {each.key for each in inputs}
    outputs: list[te.Tensor] = []
    for each in found:
        if not isinstance(each, te.Tensor):
            raise TypeMismatchError(
                f"The function {_name_of(func)!r} has to give tensors.",
                expected="a te.Tensor, or a list of them",
                found=f"{type(each).__name__}: {each!r:.80}",
            )
        tensor = _copy(each) if each.key in taken else each
        taken.add(tensor.key)
        outputs.append(tensor)
    return outputs


def _copy(tensor: te.Tensor) -> te.Tensor:
    """The same elements in memory of their own."""

    def element(*indices: Any) -> Any:
        return tensor(*indices)

    return te.compute(tensor.shape, element, name="T_identity")


def _name_of(func: Callable[..., Any]) -> str:
    name = getattr(func, "__name__", None) or type(func).__name__
    return "te_func" if name == "<lambda>" else str(name)


def _applied(
    builder: Builder, func: Callable[..., Any], args: Any, options: Mapping[str, Any]
) -> tuple[_Arguments, Any]:
    """The arguments as the function sees them, and what it gives."""
    seen: dict[Expr, Expr] = {}
    args = [_leaves(builder, each) for each in args]
    options = {key: _leaves(builder, each) for key, each in options.items()}
    for _ in range(_CASTS):
        arguments = _Arguments(builder, seen)
        te_args = [arguments.convert(each) for each in args]
        te_options = {key: arguments.convert(each) for key, each in options.items()}
        try:
            return arguments, func(*te_args, **te_options)
        except UnequalExtentsError as error:
            matched = _matched(builder, arguments, error)
            if not matched:
                raise
            seen = {**seen, **matched}
    raise InternalError("the extents of arguments stay unequal after they were matched")


def _leaves(builder: Builder, value: Any) -> Any:
    """`value` with every graph value in it a leaf, and tuples as tuples of leaves."""
    if isinstance(value, Expr):
        found = builder.normalize_argument(value)
        info = builder.info_of(found)
        if isinstance(info, TupleStructInfo) and not isinstance(found, Tuple):
            count = len(info.fields)
            return Tuple([_leaves(builder, TupleGetItem(found, i)) for i in range(count)])
        return found
    if isinstance(value, list | tuple):
        items = [_leaves(builder, each) for each in cast("list[Any]", value)]
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, Mapping) and not isinstance(value, Attrs):
        table = cast("Mapping[Any, Any]", value)
        return {key: _leaves(builder, each) for key, each in table.items()}
    return value


# More pairs of extents than any function compares.
_CASTS = 64


def _matched(
    builder: Builder, arguments: _Arguments, error: UnequalExtentsError
) -> dict[Expr, Expr]:
    """Arguments with an extent of the pair in `error`, cast to have the other one there."""
    graph_vars = {own: var for var, own in arguments.own.items()}
    left, right = (_graph_dim(each, graph_vars) for each in error.pair)
    if not builder.accepts_bindings():
        return {}
    now = match_extent(builder, arguments.origins.values(), (left, right))
    return {before: now[value] for before, value in arguments.origins.items() if value in now}


def match_extent(
    builder: Builder, values: Iterable[Expr], pair: tuple[PrimExpr, PrimExpr]
) -> dict[Expr, Expr]:
    """The values that have one extent of `pair`, cast to have the other one there; the second gives
    way to the first unless it is a number.
    """
    left, right = pair
    tensors = list(values)
    for old, new in ((right, left), (left, right)):
        if isinstance(old, IntImm):
            continue
        found: dict[Expr, Expr] = {}
        for value in tensors:
            info = value.struct_info_
            dims = known_dims(info) if isinstance(info, TensorStructInfo) else None
            if dims is None or not any(structural_equal(each, old) for each in dims):
                continue
            wanted = [new if structural_equal(each, old) else each for each in dims]
            cast_info = TensorStructInfo(wanted, cast("TensorStructInfo", info).dtype)
            found[value] = builder.match_cast(value, cast_info)
        if found:
            return found
    return {}


def _bare_dims(tensors: Iterable[te.Tensor]) -> set[Var]:
    return {dim for each in tensors for dim in each.shape if isinstance(dim, Var)}


def call_te(builder: Builder, func: Callable[..., Any], args: Any, kwargs: Any) -> Call:
    """The `call_tir` of the loop function that `func(*args, **kwargs)` describes.

    Tensors among the arguments become placeholders named after their variables, shapes lists of
    extents, numbers scalar expressions; lists, tuples and dictionaries are converted inside. Of the
    keywords, `primfunc_name_hint` names the loop function (else it is named after `func`), and
    `primfunc_attrs` are attributes of it. The call is not yet bound.

    Where extents of arguments have to be equal and cannot be proved to be, a match_cast of an
    argument is emitted before the call, which checks it when the program runs.
    """
    options = dict(kwargs)
    name = options.pop("primfunc_name_hint", None) or _name_of(func)
    attrs: Mapping[str, Any] = options.pop("primfunc_attrs", None) or {}
    arguments, result = _applied(builder, func, args, options)
    outputs = _outputs(result, func, arguments.tensors)
    function = te.create_prim_func([*arguments.tensors, *outputs], index_dtype_override="int64")
    numbers = _unbound(function, arguments, [*arguments.tensors, *outputs])
    if numbers:
        function = function.replace(params=(*function.params, *numbers.values()))
    function = _as_private(_with_plain_sizes(function, arguments.own), attrs)
    gvar = builder.add_func(function, identifier(name, "f"))
    graph_vars = {own: var for var, own in arguments.own.items()}
    infos = [_output_info(each, graph_vars) for each in outputs]
    several = isinstance(result, list | tuple) and len(infos) != 1
    return call_tir(
        gvar,
        Tuple(arguments.exprs),
        infos if several else infos[0],
        tir_vars=ShapeExpr(list(numbers)) if numbers else None,
    )


def result_infos(func: Callable[..., Any], values: Mapping[str, Any]) -> list[TensorStructInfo]:
    """The infos of what `func(**values)` gives: shapes and dtypes, without making a loop function.

    `values` are as for `call_te`, and graph values among them are leaves. What is of unknown dtype
    counts as float32, and then the results are of unknown dtype.
    """
    arguments = _Arguments()
    with extents_assumed_equal():
        result = func(**{key: arguments.convert(each) for key, each in values.items()})
    outputs = _outputs(result, func, arguments.tensors)
    graph_vars = {own: var for var, own in arguments.own.items()}
    infos = [_output_info(each, graph_vars) for each in outputs]
    if not arguments.guessed:
        return infos
    return [TensorStructInfo(each.shape, None) for each in infos]


def _unbound(
    function: PrimFunc, arguments: _Arguments, tensors: Iterable[te.Tensor]
) -> dict[Var, Var]:
    """The symbolic variables that the loop function uses and that no tensor's shape binds."""
    bound = _bare_dims(tensors)
    free = {var: own for var, own in arguments.own.items() if own not in bound}
    if not free:
        return free
    used = {each for each in pre_order(function) if isinstance(each, Var)}
    return {var: own for var, own in free.items() if own in used}


def _with_plain_sizes(function: PrimFunc, own: Mapping[Var, Var]) -> PrimFunc:
    """The loop function with variables of the kind that the graph has: while it was made, all
    dimensions were known not to be negative.
    """
    plain = {
        mine: type(var)(mine.name, mine.dtype)
        for var, mine in own.items()
        if type(mine) is not type(var)
    }
    return substitute(function, plain) if plain else function


def _as_private(function: PrimFunc, attrs: Mapping[str, Any]) -> PrimFunc:
    kept = function.attrs.without("global_symbol")
    return function.replace(attrs=kept.updated(attrs) if attrs else kept)


def _output_info(tensor: te.Tensor, graph_vars: Mapping[Var, Var]) -> TensorStructInfo:
    """The info of a result in terms of the graph function's variables."""
    dims = [_graph_dim(each, graph_vars) for each in tensor.shape]
    return TensorStructInfo(dims, tensor.dtype)


def _graph_dim(dim: PrimExpr, graph_vars: Mapping[Var, Var]) -> PrimExpr:
    if isinstance(dim, IntImm | Var):
        return cast("PrimExpr", graph_vars.get(cast("Any", dim), dim))
    return Analyzer().simplify(substitute(dim, graph_vars))


def te_tensor(value: Any, name: str = "rxplaceholder") -> te.Tensor:
    """The placeholder that stands for a graph value of known shape and dtype."""
    expr = as_relax_expr(value)
    info = expr.struct_info_
    dims = known_dims(info) if isinstance(info, TensorStructInfo) else None
    if not isinstance(info, TensorStructInfo) or dims is None:
        raise TypeMismatchError(
            "Only a tensor whose shape is known has a placeholder.",
            found="no struct info" if info is None else repr(info),
        )
    return placeholder_of(info, dims, name)


te_tensor_hook.fill(te_tensor)
