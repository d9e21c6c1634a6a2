"""Names of the functions of a module: public functions stand under their `global_symbol`.

In: a module. Out: one in which the name and the `global_symbol` of each public function agree, and
private functions have made room; all references follow.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.relax.substitution import GraphSubstitution
from pellucid.support.errors import WellFormedError
from pellucid.support.naming import NameSupply


class _Rename(GraphSubstitution):
    def __init__(self, table: dict[str, GlobalVar]) -> None:
        super().__init__({})
        self.table = table

    def visit(self, node: Any) -> Any:
        """A GlobalVar under its new name, anything else rebuilt."""
        if isinstance(node, GlobalVar):
            return self.table.get(node.name_hint, node)
        return super().visit(node)


def rename_global_vars(mod: IRModule, table: dict[str, str]) -> IRModule:
    """The module with functions renamed from the keys of `table` to its values."""
    renamed = {old: GlobalVar(new) for old, new in table.items() if old != new}
    if not renamed:
        return mod
    rename = _Rename(renamed)
    functions: dict[Any, Any] = {}
    for gvar, function in mod.items():
        functions[renamed.get(gvar.name_hint, gvar)] = rename.visit(function)
    return mod.with_functions(functions)


def renamed_to_symbols(mod: IRModule) -> IRModule:
    """The module with each public function under its `global_symbol`; the same object if it is."""
    public = {
        gvar.name_hint: str(function.attrs["global_symbol"])
        for gvar, function in mod.items()
        if "global_symbol" in function.attrs
    }
    symbols = list(public.values())
    for symbol in symbols:
        if symbols.count(symbol) > 1:
            raise WellFormedError(
                f"Two public functions have the global_symbol {symbol!r}.",
                found=", ".join(name for name, each in public.items() if each == symbol),
                cure="give one of them another global_symbol, or make it private",
            )
    supply = NameSupply(tuple(symbols))
    private = [gvar.name_hint for gvar in mod if gvar.name_hint not in public]
    table = dict(public)
    for name in private:
        table[name] = supply.fresh(name, separator="_")
    return rename_global_vars(mod, table)
