"""`IRModule`: a set of named functions of both levels.

A module is a mapping from `GlobalVar` (or its name) to functions. Functions are immutable; the
module itself can be updated in place with `mod["f"] = func`, as the field's programs do. Passes
give a new module and leave theirs alone.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any

from pellucid.ir.attrs import Attrs, as_attrs
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.function import BaseFunc
from pellucid.ir.node import Map
from pellucid.ir.scriptable import Scriptable
from pellucid.support.errors import RegistryError, TypeMismatchError, did_you_mean
from pellucid.support.naming import NameSupply


class UnknownFunctionError(RegistryError, KeyError, ValueError):
    """A module was asked for a function that it does not have."""

    __str__ = RegistryError.__str__


class IRModule(Scriptable):
    """Functions by name, module attributes, and global infos (virtual devices and the like).

    `functions` maps `GlobalVar` or names to functions. A function without a `global_symbol` is
    private.
    """

    # A module written as a class keeps the class's name.
    __slots__ = ("__name__", "__weakref__", "_functions", "_vars", "attrs", "global_infos")

    def __init__(
        self,
        functions: Mapping[Any, BaseFunc] | None = None,
        attrs: Mapping[str, Any] | Attrs | None = None,
        global_infos: Mapping[str, Any] | None = None,
    ) -> None:
        self.__name__ = "Module"
        self._vars: dict[str, GlobalVar] = {}
        self._functions: dict[str, BaseFunc] = {}
        self.attrs: Attrs = as_attrs(attrs)
        # Lists become tuples, so that two modules with the same infos are equal.
        self.global_infos: dict[str, Any] = dict(as_attrs(global_infos).items())
        if functions is not None and not isinstance(functions, Mapping):
            raise TypeMismatchError(
                "A module is made of functions by name.",
                expected="a dict of GlobalVars or names to functions",
                found=f"a {type(functions).__name__}",
            )
        for name, function in (functions or {}).items():
            self[name] = function

    @staticmethod
    def from_expr(function: BaseFunc, functions: Mapping[Any, BaseFunc] | None = None) -> IRModule:
        """A module with `function` under its `global_symbol`, else `main`."""
        module = IRModule(functions)
        module[function.attrs.get("global_symbol", "main")] = function
        return module

    @property
    def functions(self) -> Map:
        """The functions by GlobalVar, as an immutable snapshot."""
        return Map({self._vars[name]: function for name, function in self._functions.items()})

    def __getitem__(self, key: str | GlobalVar) -> Any:
        """The function named by a string or a GlobalVar."""
        name = key.name_hint if isinstance(key, GlobalVar) else key
        found = self._functions.get(name)
        if found is None:
            raise UnknownFunctionError(
                f"The module has no function {name!r}.",
                found=", ".join(self._functions) or "an empty module",
                cure=did_you_mean(str(name), self._functions),
            )
        return found

    def __setitem__(self, key: str | GlobalVar, function: BaseFunc) -> None:
        """Add or replace a function; an existing GlobalVar of that name stays the same object."""
        name = key.name_hint if isinstance(key, GlobalVar) else key
        if not isinstance(name, str) or not isinstance(function, BaseFunc):
            raise TypeMismatchError(
                "A module holds functions under names.",
                expected="a name or GlobalVar, and a PrimFunc or relax.Function",
                found=f"{name!r:.40} and a {type(function).__name__}",
            )
        if name not in self._vars:
            self._vars[name] = key if isinstance(key, GlobalVar) else GlobalVar(name)
        self._functions[name] = function

    def __delitem__(self, key: str | GlobalVar) -> None:
        """Remove a function."""
        name = key.name_hint if isinstance(key, GlobalVar) else key
        self[name]
        del self._functions[name], self._vars[name]

    def __contains__(self, key: object) -> bool:
        """Whether there is a function of that name."""
        return (key.name_hint if isinstance(key, GlobalVar) else key) in self._functions

    def __iter__(self) -> Iterator[GlobalVar]:
        """The GlobalVars, in order of insertion."""
        return iter([self._vars[name] for name in self._functions])

    def __len__(self) -> int:
        """How many functions there are."""
        return len(self._functions)

    def get(self, key: str | GlobalVar, default: Any = None) -> Any:
        """The function named by a string or a GlobalVar, or `default`."""
        name = key.name_hint if isinstance(key, GlobalVar) else key
        return self._functions.get(name, default)

    def keys(self) -> KeysView[GlobalVar]:
        """The GlobalVars."""
        return self.functions.keys()

    def values(self) -> ValuesView[Any]:
        """The functions."""
        return self.functions.values()

    def items(self) -> ItemsView[GlobalVar, Any]:
        """GlobalVars and functions."""
        return self.functions.items()

    def functions_items(self) -> list[tuple[GlobalVar, Any]]:
        """GlobalVars and functions, as a list."""
        return list(self.functions.items())

    def get_global_var(self, name: str) -> GlobalVar:
        """The GlobalVar of that name; an unknown name is an error."""
        self[name]
        return self._vars[name]

    def get_global_vars(self) -> list[GlobalVar]:
        """All GlobalVars."""
        return list(self)

    def update_func(self, var: GlobalVar, function: BaseFunc) -> None:
        """Replace (or insert) the function that `var` names."""
        self[var] = function

    def update(self, other: IRModule | Mapping[Any, BaseFunc]) -> None:
        """Take over all functions of another module."""
        for var, function in other.items():
            self[var] = function

    def clone(self) -> IRModule:
        """An independent module with the same functions and the same GlobalVars."""
        return IRModule(self.functions, self.attrs, self.global_infos)

    def __copy__(self) -> IRModule:
        """As `clone`."""
        return self.clone()

    def with_functions(self, functions: Mapping[Any, BaseFunc]) -> IRModule:
        """A module with the same attributes and other functions; this one when they are the same
        objects.
        """
        names = {(k.name_hint if isinstance(k, GlobalVar) else k): f for k, f in functions.items()}
        same = list(names) == list(self._functions) and all(
            names[n] is f for n, f in self._functions.items()
        )
        return self if same else IRModule(functions, self.attrs, self.global_infos)

    def with_attr(self, key: str, value: Any) -> IRModule:
        """A copy with a module attribute set."""
        return IRModule(self.functions, self.attrs.updated({key: value}), self.global_infos)

    def with_attrs(self, attrs: Mapping[str, Any]) -> IRModule:
        """A copy with all module attributes replaced."""
        return IRModule(self.functions, attrs, self.global_infos)

    def without_attr(self, key: str) -> IRModule:
        """A copy without a module attribute."""
        return IRModule(self.functions, self.attrs.without(key), self.global_infos)

    def get_attr(self, key: str) -> Any:
        """The module attribute `key`, or None."""
        return self.attrs.get(key)

    def fresh_name(self, hint: str) -> str:
        """A function name made from `hint` that is not in use."""
        supply = NameSupply(tuple(self._functions))
        return supply.fresh(hint, separator="")

    def structural_content(self) -> tuple[Any, ...]:
        """What comparison looks at: attributes, and functions by sorted name."""
        functions = tuple((name, self._functions[name]) for name in sorted(self._functions))
        infos = tuple(sorted(self.global_infos.items()))
        return (self.attrs, functions, infos)

    def __repr__(self) -> str:
        """The script of the module."""
        return self.script()
