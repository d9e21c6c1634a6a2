"""Macros: statements of a script under a name, put in where they are called.

In: a decorated Python function, or a decorated `def` inside a script. Out: a `ScriptMacro`, whose
call is a statement that the parser expands. A *hygienic* macro sees the names that were in scope
where it was defined; with `hygienic=False` names come from where it is called.
"""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pellucid.script.parser.capture import function_source, host_values
from pellucid.script.parser.source import ScriptSource


@dataclass(frozen=True, slots=True)
class MacroCall:
    """A call of a macro: the statement that it stands for is made by the parser."""

    macro: ScriptMacro
    arguments: Mapping[str, Any]


class ScriptMacro:
    """A macro: the body of `node` with the parameters of `signature`."""

    def __init__(
        self,
        token: str,
        source: ScriptSource,
        node: ast.FunctionDef,
        host: Mapping[str, Any],
        signature: inspect.Signature,
        *,
        hygienic: bool,
    ) -> None:
        self.token = token
        self.source = source
        self.node = node
        self.host = host
        self.signature = signature
        self.hygienic = hygienic
        self.__name__ = node.name

    def __call__(self, *args: Any, **keywords: Any) -> MacroCall:
        """The call, with its arguments matched to the parameters."""
        bound = self.signature.bind(*args, **keywords)
        bound.apply_defaults()
        return MacroCall(self, bound.arguments)

    def __repr__(self) -> str:
        """As in messages."""
        return f"<macro {self.__name__}>"


def macro_from_function(
    token: str, function: types.FunctionType, frame: types.FrameType, *, hygienic: bool
) -> ScriptMacro:
    """The macro that a Python function stands for; `frame` is where it was decorated."""
    source, node = function_source(function)
    host = host_values(frame, [function])
    return ScriptMacro(token, source, node, host, inspect.signature(function), hygienic=hygienic)
