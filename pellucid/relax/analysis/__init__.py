"""Questions about graph programs: variables, uses, effects, struct infos, and well-formedness."""

from pellucid.ir.visitor import post_order_visit
from pellucid.relax.analysis.calls import (
    called_global_vars,
    called_symbols,
    collect_call_map,
    computable_at_compile_time,
    reachable,
    recursive_groups,
)
from pellucid.relax.analysis.graph import Graph, graph
from pellucid.relax.analysis.purity import contains_impure_call, find_impure_call, is_impure_call
from pellucid.relax.analysis.struct_info import (
    BaseCheckResult,
    definable_tir_vars_in_struct_info,
    derive_call_ret_struct_info,
    erase_to_well_defined,
    get_static_type,
    is_base_of,
    prim_func_struct_info,
    struct_info_base_check,
    struct_info_lca,
    tensors_in,
    tir_vars_in_struct_info,
)
from pellucid.relax.analysis.unused import remove_all_unused
from pellucid.relax.analysis.use_def import (
    all_bindings,
    count_uses,
    get_var2val,
    name_to_binding,
    udchain,
)
from pellucid.relax.analysis.variables import (
    all_global_vars,
    all_symbolic_vars,
    all_vars,
    bound_vars,
    defined_symbolic_vars,
    free_symbolic_vars,
    free_vars,
    used_vars,
)
from pellucid.relax.analysis.well_formed import assert_well_formed, well_formed

detect_recursion = recursive_groups

__all__ = [
    "BaseCheckResult",
    "Graph",
    "all_bindings",
    "all_global_vars",
    "all_symbolic_vars",
    "all_vars",
    "assert_well_formed",
    "bound_vars",
    "called_global_vars",
    "called_symbols",
    "collect_call_map",
    "computable_at_compile_time",
    "contains_impure_call",
    "count_uses",
    "definable_tir_vars_in_struct_info",
    "defined_symbolic_vars",
    "derive_call_ret_struct_info",
    "detect_recursion",
    "erase_to_well_defined",
    "find_impure_call",
    "free_symbolic_vars",
    "free_vars",
    "get_static_type",
    "get_var2val",
    "graph",
    "is_base_of",
    "is_impure_call",
    "name_to_binding",
    "post_order_visit",
    "prim_func_struct_info",
    "reachable",
    "recursive_groups",
    "remove_all_unused",
    "struct_info_base_check",
    "struct_info_lca",
    "tensors_in",
    "tir_vars_in_struct_info",
    "udchain",
    "used_vars",
    "well_formed",
]
