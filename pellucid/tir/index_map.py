"""Index maps: how the indices of one layout become those of another.

In: variables, and expressions of them (`lambda i, j: (i // 4, j, i % 4)`). Out: mapped indices and
shapes, data in the new layout, and the inverse of maps that only split, join and permute indices.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.digits import digit_of
from pellucid.arith.evaluate import evaluate
from pellucid.arith.int_set import eval_set
from pellucid.ir.arithmetic import add, const, floordiv, floormod, mul, sub
from pellucid.ir.dtype import DataType
from pellucid.ir.node import Node, binder, child, node
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, Range, Var, as_expr, as_exprs
from pellucid.ir.structural import structural_equal
from pellucid.support.errors import TypeMismatchError, UnsupportedError
from pellucid.tir.functor import StmtExprMutator
from pellucid.tir.stmt_functor import substitute

# What a layout gives between two indices where a physical axis ends.
AXIS_SEPARATOR = "axis_separator"


class _Part(NamedTuple):
    """A digit of an initial index (`var // lower % extent`), as `value` of the final indices."""

    lower: int
    extent: int
    value: PrimExpr


@node
class IndexMap(Node):
    """A map from `initial_indices` (variables) to `final_indices` (expressions), for layouts.

    `inverse_index_map` may be given where it cannot be computed.
    """

    AXIS_SEPARATOR = AXIS_SEPARATOR

    initial_indices: tuple[Var, ...] = binder(converter=tuple)
    final_indices: tuple[Any, ...] = child(converter=as_exprs)
    inverse_index_map: Any = child(default=None)

    @staticmethod
    def from_func(
        mapping_function: Callable[..., Any],
        ndim: int | None = None,
        inverse_index_map: Any = None,
        *,
        index_dtype: str = "int64",
    ) -> IndexMap:
        """The map that a Python function of the indices describes.

        `ndim` says how many indices a function with `*args` takes. The inverse may be a function or
        an `IndexMap`.
        """
        found, separators = IndexMap.from_func_with_separators(
            mapping_function, ndim, inverse_index_map, index_dtype=index_dtype
        )
        if separators:
            raise TypeMismatchError(
                "This map has axis separators.", cure="use from_func_with_separators"
            )
        return found

    @staticmethod
    def from_func_with_separators(
        mapping_function: Callable[..., Any],
        ndim: int | None = None,
        inverse_index_map: Any = None,
        *,
        index_dtype: str = "int64",
    ) -> tuple[IndexMap, list[int]]:
        """As `from_func`; also gives the positions of `IndexMap.AXIS_SEPARATOR` in the result."""
        indices = _parameters(mapping_function, ndim, index_dtype)
        mapped = _call(mapping_function, indices)
        several = isinstance(mapped, tuple | list)
        parts = list(cast("list[Any]", mapped)) if several else [mapped]
        separators: list[int] = []
        final: list[Any] = []
        for part in parts:
            if isinstance(part, str) and part == IndexMap.AXIS_SEPARATOR:
                separators.append(len(final))
            else:
                # Plain numbers are indices like the others.
                final.append(const(part, index_dtype) if type(part) is int else as_expr(part))
        inverse = inverse_index_map
        if inverse is not None and not isinstance(inverse, IndexMap):
            inverse = IndexMap.from_func(inverse, len(final), index_dtype=index_dtype)
        return IndexMap(indices, final, inverse), separators

    def map_indices(
        self, indices: Sequence[Any], analyzer: Analyzer | None = None
    ) -> list[PrimExpr]:
        """The final indices of the element at `indices`."""
        _require_count("indices", len(self.initial_indices), len(indices))
        fitting = self._in_dtype_of(indices)
        table: dict[Any, Any] = dict(zip(fitting.initial_indices, indices, strict=True))
        known = Analyzer() if analyzer is None else analyzer
        return [known.simplify(substitute(each, table)) for each in fitting.final_indices]

    def _in_dtype_of(self, indices: Sequence[Any]) -> IndexMap:
        """This map over indices of the dtype that `indices` have; Python numbers fit any."""
        dtypes = {as_expr(each).dtype for each in indices if not isinstance(each, int)}
        if not dtypes or dtypes == {var.dtype for var in self.initial_indices}:
            return self
        if len(dtypes) > 1:
            raise TypeMismatchError(
                "The indices differ in dtype.", found=", ".join(sorted(dtypes)), cure="cast them"
            )
        (dtype,) = dtypes
        fresh = [Var(var.name, dtype) for var in self.initial_indices]
        retype = _Retype(dict(zip(self.initial_indices, fresh, strict=True)), dtype)
        return IndexMap(fresh, [retype.visit(each) for each in self.final_indices])

    def map_ranges(self, ranges: Sequence[Range], analyzer: Analyzer | None = None) -> list[Range]:
        """What the final indices range over when the initial ones do over `ranges`."""
        _require_count("ranges", len(self.initial_indices), len(ranges))
        known = Analyzer() if analyzer is None else analyzer
        domains = dict(zip(self.initial_indices, ranges, strict=True))
        found: list[Range] = []
        for each in self.final_indices:
            values = eval_set(each, domains, known)
            if values.min_value is None or values.max_value is None:
                raise UnsupportedError(
                    "The values of this index cannot be bounded.", found=repr(each)
                )
            extent = known.simplify(add(sub(values.max_value, values.min_value), 1))
            found.append(Range(min=values.min_value, extent=extent))
        return found

    def map_shape(self, shape: Sequence[Any], analyzer: Analyzer | None = None) -> list[PrimExpr]:
        """The shape of the new layout: one more than the greatest final indices."""
        known = Analyzer() if analyzer is None else analyzer
        ranges = [Range(0, each) for each in self._extents(shape)]
        return [
            known.simplify(add(each.min, each.extent)) for each in self.map_ranges(ranges, known)
        ]

    def _extents(self, shape: Sequence[Any]) -> list[PrimExpr]:
        _require_count("extents", len(self.initial_indices), len(shape))
        return [
            const(each, var.dtype) if isinstance(each, int) else as_expr(each)
            for each, var in zip(shape, self.initial_indices, strict=True)
        ]

    def map_ndarray(self, array: Any) -> Any:
        """The NumPy array in the new layout; positions that no element goes to are zero."""
        source = np.asarray(array)
        shape = [_constant(each, "extent") for each in self.map_shape(source.shape)]
        result = np.zeros(shape, source.dtype)
        for index in np.ndindex(source.shape):
            point = dict(zip(self.initial_indices, index, strict=True))
            result[tuple(evaluate(each, point) for each in self.final_indices)] = source[index]
        return result

    def inverse(self, shape: Sequence[Any]) -> IndexMap:
        """The map back, for initial indices within `shape` (extents or ranges from zero).

        Computed for maps whose final indices are sums of digits of the initial ones, where each
        digit occurs once (splits, joins and permutations); others need `inverse_index_map`.
        """
        if self.inverse_index_map is not None:
            return self.inverse_index_map
        extents = [each.extent if isinstance(each, Range) else each for each in shape]
        sizes = [_constant(each, "extent") for each in self._extents(extents)]
        return _Inversion(self, sizes).run()

    def is_equivalent_to(self, other: IndexMap, shape: Sequence[Any] | None = None) -> bool:
        """Whether both maps send every index (within `shape`) to the same place."""
        if len(self.initial_indices) != len(other.initial_indices):
            return False
        if len(self.final_indices) != len(other.final_indices):
            return False
        analyzer = Analyzer()
        for var, extent in zip(self.initial_indices, shape or (), strict=False):
            analyzer.bind(var, Range(0, extent))
        mapped = other.map_indices(self.initial_indices)
        return all(
            analyzer.can_prove_equal(mine, theirs)
            for mine, theirs in zip(self.final_indices, mapped, strict=True)
        )

    def is_identity(self) -> bool:
        """Whether the final indices are the initial ones."""
        return structural_equal(tuple(self.final_indices), tuple(self.initial_indices))


class _Retype(StmtExprMutator):
    """Rewrites index expressions to another width."""

    def __init__(self, variables: dict[Any, Any], dtype: DataType) -> None:
        super().__init__()
        self.replaced.update(variables)
        self.dtype = dtype

    def visit_int_imm_(self, value: IntImm) -> PrimExpr:
        """Integer constants change their dtype."""
        return const(value.value, self.dtype) if value.dtype.is_integer else value


def _parameters(function: Callable[..., Any], ndim: int | None, dtype: str) -> list[Var]:
    """A variable for each parameter; `*args` stands for as many as `ndim` asks for, before those
    that are given by name only.
    """
    names: list[str] = []
    named: list[str] = []
    rest: str | None = None
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            rest = parameter.name
        elif parameter.kind in (
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
        ):
            names.append(parameter.name)
        elif parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            named.append(parameter.name)
        else:
            raise TypeMismatchError("A layout is a function of indices.", found=f"{parameter}")
    if rest is not None:
        if ndim is None:
            raise TypeMismatchError(
                "A layout with *args does not say how many indices it takes.", cure="pass ndim"
            )
        names += [f"{rest}_{number}" for number in range(ndim - len(names) - len(named))]
    names += named
    if ndim is not None and len(names) != ndim:
        raise TypeMismatchError(
            "The layout takes another number of indices.",
            expected=str(ndim),
            found=str(len(names)),
        )
    return [Var(name, dtype) for name in names]


def _call(function: Callable[..., Any], indices: list[Var]) -> Any:
    """The function's result at the indices; the last ones go to parameters that only have names."""
    kinds = [each.kind for each in inspect.signature(function).parameters.values()]
    positional = len(indices) - kinds.count(inspect.Parameter.KEYWORD_ONLY)
    named = {each.name: each for each in indices[positional:]}
    return function(*indices[:positional], **named)


def _require_count(what: str, expected: int, found: int) -> None:
    if expected != found:
        raise TypeMismatchError(
            f"The map has {expected} initial indices.",
            expected=f"{expected} {what}",
            found=str(found),
        )


def _constant(expr: Any, what: str) -> int:
    if isinstance(expr, int):
        return expr
    if isinstance(expr, IntImm):
        return expr.value
    raise UnsupportedError(f"This needs constants; an {what} is symbolic.", found=repr(expr))


class _Inversion:
    """Solves a map whose final indices are sums of scaled digits for the initial indices."""

    def __init__(self, index_map: IndexMap, sizes: list[int]) -> None:
        self.index_map = index_map
        self.sizes = dict(zip(index_map.initial_indices, sizes, strict=True))
        self.analyzer = Analyzer()
        for var, size in self.sizes.items():
            self.analyzer.bind(var, Range(0, size))
        self.parts: dict[Var, list[_Part]] = {var: [] for var in self.sizes}

    def run(self) -> IndexMap:
        """The inverse."""
        final = [
            Var(f"axis{number}", each.dtype)
            for number, each in enumerate(self.index_map.final_indices)
        ]
        for var, expr in zip(final, self.index_map.final_indices, strict=True):
            self.take_apart(var, expr)
        initial = [self.put_together(var) for var in self.index_map.initial_indices]
        simplifier = Analyzer()
        shape = self.index_map.map_shape(list(self.sizes.values()))
        for var, extent in zip(final, shape, strict=True):
            if not isinstance(extent, IntImm) or extent.value > 1:
                simplifier.bind(var, Range(0, extent))
        return IndexMap(final, [simplifier.simplify(each) for each in initial])

    def take_apart(self, var: Var, expr: PrimExpr) -> None:
        """Note which digits of the initial indices a final index carries, and where."""
        form = self.analyzer.context.linear(self.analyzer.simplify(expr))
        terms = sorted(((c, atom) for _, atom, c in form), key=lambda pair: pair[0])
        value = sub(var, const(form.const, var.dtype))
        below = 1
        for coefficient, atom in terms:
            source, lower, extent = self.digit(atom)
            if coefficient != below:
                raise self.failure(expr)
            digit = floormod(floordiv(value, coefficient), extent)
            self.parts[source].append(_Part(lower, extent, digit))
            below = coefficient * extent

    def digit(self, atom: PrimExpr) -> tuple[Var, int, int]:
        """`(var, lower, extent)` of a digit `var // lower % extent`."""
        found = digit_of(atom)
        base = atom if found is None else found.base
        if not isinstance(base, Var) or base not in self.sizes:
            raise self.failure(atom)
        size = self.sizes[base]
        lower = 1 if found is None else found.lower
        upper = size if found is None or not found.upper else min(found.upper, size)
        return base, lower, -(-upper // lower)

    def put_together(self, var: Var) -> PrimExpr:
        """An initial index from its digits, which have to cover it without gap and overlap."""
        terms: list[PrimExpr] = []
        below = 1
        for part in sorted(self.parts[var], key=lambda each: each.lower):
            if part.lower != below:
                raise self.failure(var)
            terms.append(mul(part.value, part.lower))
            below = part.lower * part.extent
        if below < self.sizes[var]:
            raise self.failure(var)
        found: PrimExpr = const(0, var.dtype)
        for term in reversed(terms):
            found = add(found, term)
        return found

    def failure(self, at: PrimExpr) -> UnsupportedError:
        """Why the inverse was not found."""
        return UnsupportedError(
            "The inverse of this index map cannot be computed.",
            expected="final indices made of digits of the initial ones, each digit once",
            found=repr(at),
            cure="pass inverse_index_map",
        )
