"""The place of an error in a program that has no source text: its script, with the part
underlined.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pellucid.ir import hooks

CONTEXT_LINES = 3


@dataclass(frozen=True, slots=True, eq=False)
class ScriptPlace:
    """`nodes` of `program` (a module or function); drawn as the script around them, underlined."""

    program: Any
    nodes: tuple[Any, ...]
    context_lines: int = CONTEXT_LINES

    @staticmethod
    def of(program: Any, *nodes: Any, context_lines: int = CONTEXT_LINES) -> ScriptPlace:
        """The place of one or several nodes."""
        return ScriptPlace(program, nodes, context_lines)

    def picture(self) -> str:
        """The lines around each node, with line numbers and carets."""
        return hooks.printer.get()(
            self.program,
            obj_to_underline=self.nodes,
            num_context_lines=self.context_lines,
            print_line_numbers=True,
        )
