"""Facts about loop programs: regions, well-formedness, and questions that passes and users ask."""

from pellucid.tir.analysis.access import get_block_access_region, get_block_read_write_region
from pellucid.tir.analysis.access_lca import detect_buffer_access_lca
from pellucid.tir.analysis.anchor import find_anchor_block
from pellucid.tir.analysis.completion import complete
from pellucid.tir.analysis.cost import (
    calculate_allocated_bytes,
    calculate_constant_bytes,
    calculate_workspace_bytes,
    estimate_tir_flops,
)
from pellucid.tir.analysis.free_vars import expr_deep_equal, undefined_vars
from pellucid.tir.analysis.purity import (
    assert_pure_function,
    has_if_then_else,
    is_pure_function,
    verify_memory,
)
from pellucid.tir.analysis.well_formed import assert_well_formed, verify_well_formed

__all__ = [
    "assert_pure_function",
    "assert_well_formed",
    "calculate_allocated_bytes",
    "calculate_constant_bytes",
    "calculate_workspace_bytes",
    "complete",
    "detect_buffer_access_lca",
    "estimate_tir_flops",
    "expr_deep_equal",
    "find_anchor_block",
    "get_block_access_region",
    "get_block_read_write_region",
    "has_if_then_else",
    "is_pure_function",
    "undefined_vars",
    "verify_memory",
    "verify_well_formed",
]
