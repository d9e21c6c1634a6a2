"""The call graph of a module, and what of a function can be computed before it is run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.node import Node
from pellucid.ir.visitor import pre_order
from pellucid.relax.analysis.purity import contains_impure_call
from pellucid.relax.analysis.use_def import all_bindings
from pellucid.relax.analysis.variables import all_global_vars, used_vars
from pellucid.relax.expr import ExternFunc, Function, MatchCast, Var


def called_global_vars(func: Node) -> list[GlobalVar]:
    """The functions of the module that a function refers to."""
    return all_global_vars(func)


def called_symbols(func: Node) -> list[str]:
    """The names of the external functions that a function refers to, each once."""
    names = [each.global_symbol for each in pre_order(func) if isinstance(each, ExternFunc)]
    return list(dict.fromkeys(names))


def collect_call_map(mod: IRModule) -> dict[GlobalVar, list[GlobalVar]]:
    """For each function of the module, the functions of the module that it refers to."""
    return {
        gvar: [mod.get_global_var(each.name_hint) for each in all_global_vars(func) if each in mod]
        for gvar, func in mod.items()
    }


def reachable(mod: IRModule, roots: Iterable[str]) -> set[str]:
    """The names of the functions that can be reached from `roots`, these included.

    A packed call by the symbol of a function of the module (its name, if it is private) counts as
    a reference.
    """
    symbols = {
        str(function.attrs.get("global_symbol", gvar.name_hint)): gvar.name_hint
        for gvar, function in mod.items()
    }
    found: set[str] = set()
    todo = [name for name in roots if name in mod]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        function = mod[name]
        todo.extend(each.name_hint for each in all_global_vars(function) if each in mod)
        todo.extend(symbols[each] for each in called_symbols(function) if each in symbols)
    return found


def recursive_groups(mod: IRModule) -> list[list[GlobalVar]]:
    """The functions that call themselves, alone or through each other, grouped."""
    calls = {g.name_hint: [c.name_hint for c in cs] for g, cs in collect_call_map(mod).items()}
    reach = {name: _below(calls, name) for name in calls}
    groups: list[list[GlobalVar]] = []
    seen: set[str] = set()
    for name in calls:
        if name in seen or name not in reach[name]:
            continue
        members = [each for each in calls if each in reach[name] and name in reach[each]]
        seen.update(members)
        groups.append([mod.get_global_var(each) for each in members])
    return groups


def _below(calls: Mapping[str, list[str]], name: str) -> set[str]:
    found: set[str] = set()
    todo = list(calls[name])
    while todo:
        each = todo.pop()
        if each not in found:
            found.add(each)
            todo.extend(calls.get(each, ()))
    return found


def computable_at_compile_time(func: Function) -> list[Var]:
    """The variables of a function that depend on nothing but its compile-time parameters.

    The attribute `num_input` says how many parameters are given at run time; those after them (the
    weights) are known when the program is built.
    """
    count = int(func.attrs.get("num_input", len(func.params)))
    known: set[Var] = set(func.params[count:])
    found: list[Var] = []
    for binding in all_bindings(func):
        fixed = all(each in known for each in used_vars(binding.value))
        if fixed and not isinstance(binding, MatchCast) and not contains_impure_call(binding.value):
            known.add(binding.var)
            found.append(binding.var)
    return found
