"""Patterns over dataflow graphs, and rewriting by them."""

from pellucid.relax.dpl.context import PatternContext
from pellucid.relax.dpl.match import extract_matched_expr, match_expr
from pellucid.relax.dpl.pattern import (
    DFPattern,
    is_call_dps_packed,
    is_call_packed,
    is_call_tir,
    is_const,
    is_dfv,
    is_expr,
    is_gv,
    is_op,
    is_tuple,
    is_tuple_get_item,
    is_var,
    make_fused_bias_activation_pattern,
    wildcard,
)
from pellucid.relax.dpl.rewrite import rewrite_bindings, rewrite_call
from pellucid.relax.dpl.sequence import PatternSeq

__all__ = [
    "DFPattern",
    "PatternContext",
    "PatternSeq",
    "extract_matched_expr",
    "is_call_dps_packed",
    "is_call_packed",
    "is_call_tir",
    "is_const",
    "is_dfv",
    "is_expr",
    "is_gv",
    "is_op",
    "is_tuple",
    "is_tuple_get_item",
    "is_var",
    "make_fused_bias_activation_pattern",
    "match_expr",
    "rewrite_bindings",
    "rewrite_call",
    "wildcard",
]
