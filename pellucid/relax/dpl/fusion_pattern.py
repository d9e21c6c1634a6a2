"""A pattern under a name, with a check of its matches: what `FuseOpsByPattern` takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pellucid.relax.dpl.pattern import DFPattern
from pellucid.relax.expr import Expr, Var

Check = Callable[["PatternCheckContext"], bool]


@dataclass(slots=True)
class PatternCheckContext:
    """What a pattern's check is told of a match.

    `annotated_expr` are the matches of the annotated parts by name; `matched_bindings` the values
    of the group's variables; `var_usages` who uses each variable of the block.
    """

    matched_expr: Expr
    annotated_expr: dict[str, Expr]
    matched_bindings: dict[Var, Expr]
    var_usages: dict[Var, list[Var]]
    value_to_bound_var: dict[Expr, Var]


@dataclass(slots=True)
class FusionPattern:
    """A named pattern; `annotation_patterns` name parts of it for `check`, which may refuse a
    match.
    """

    name: str
    pattern: DFPattern
    annotation_patterns: Mapping[str, DFPattern] = field(default_factory=dict[str, DFPattern])
    check: Check | None = None
