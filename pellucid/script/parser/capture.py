"""From a decorated Python object to its script: the source text, and the host values that it can
see.

In: a function or class, and the frame in which its decorator runs. Out: a `ScriptSource`, the
syntax node, and the names in scope. Lines come from `linecache`, so files, notebook cells, doctests
and executed texts that registered their lines all work.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import os
import types
from collections.abc import Mapping
from typing import Any, cast

from pellucid.script.parser.source import ScriptSource
from pellucid.support.errors import ParseError

NO_SOURCE = (
    "write it in a file or a notebook cell, or give the text to "
    "pellucid.script.from_source(text, extra_vars)"
)


def host_values(frame: types.FrameType, functions: list[types.FunctionType]) -> dict[str, Any]:
    """What Python code at `frame` has in scope, and what the given functions have captured."""
    table: dict[str, Any] = dict(frame.f_globals)
    for function in functions:
        table.update(function.__globals__)
    table.update(frame.f_locals)
    for function in functions:
        table.update(_closure(function))
    return table


def _closure(function: types.FunctionType) -> Mapping[str, Any]:
    """The enclosing functions' variables that a function refers to."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    found: dict[str, Any] = {}
    for name, cell in cells:
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue  # a variable that is assigned only after this definition
    return found


def function_source(function: types.FunctionType) -> tuple[ScriptSource, ast.FunctionDef]:
    """The script and the syntax node of a function."""
    code = function.__code__
    source = _block(code.co_filename, code.co_firstlineno, function.__globals__, function.__name__)
    node = source.body[0] if source.body else None
    if not isinstance(node, ast.FunctionDef):
        raise ParseError(
            f"The source of {function.__name__!r} is no function definition.",
            found=type(node).__name__,
            cure="decorate a `def`",
        )
    return source, node


def class_source(cls: type, frame: types.FrameType) -> tuple[ScriptSource, ast.ClassDef]:
    """The script and the syntax node of a class whose decorator runs in `frame`."""
    filename, line = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(filename, line, frame.f_globals)
    if text.lstrip().startswith("@"):
        source = _block(filename, line, frame.f_globals, cls.__name__)
        node = source.body[0] if source.body else None
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
            return source, node
    return _class_by_members(cls, frame)


def _class_by_members(cls: type, frame: types.FrameType) -> tuple[ScriptSource, ast.ClassDef]:
    """The class's definition in the file of its functions: for a decorator that is called as a
    function.
    """
    members = member_functions(cls)
    filename = members[0].__code__.co_filename if members else frame.f_code.co_filename
    lines = linecache.getlines(filename, frame.f_globals)
    if lines:
        for node in ast.walk(ast.parse("".join(lines))):
            if (
                isinstance(node, ast.ClassDef)
                and node.name == cls.__name__
                and _holds(node, members)
            ):
                first = min([node.lineno, *[each.lineno for each in node.decorator_list]])
                source = _block(filename, first, frame.f_globals, cls.__name__)
                return source, cast("ast.ClassDef", source.body[0])
    raise ParseError(f"The source of the class {cls.__name__!r} cannot be found.", cure=NO_SOURCE)


def _holds(node: ast.ClassDef, members: list[types.FunctionType]) -> bool:
    last = node.end_lineno or node.lineno
    return all(node.lineno <= each.__code__.co_firstlineno <= last for each in members)


def member_functions(cls: type) -> list[types.FunctionType]:
    """The plain functions in a class body, those kept by a script decorator included."""
    found: list[types.FunctionType] = []
    for value in vars(cls).values():
        function = getattr(value, "script_function", value)
        if isinstance(function, types.FunctionType):
            found.append(function)
    return found


def _block(filename: str, line: int, module_globals: Mapping[str, Any], what: str) -> ScriptSource:
    """The definition that starts at `line` of a file."""
    if os.path.exists(filename):
        # Texts without a file (cells, doctests) live in the cache only, which a check would empty.
        linecache.checkcache(filename)
    lines = linecache.getlines(filename, dict(module_globals))
    if not 0 < line <= len(lines):
        raise ParseError(f"The source of {what!r} cannot be found.", found=filename, cure=NO_SOURCE)
    block = inspect.getblock(lines[line - 1 :])
    return ScriptSource("".join(block), _shown(filename), line)


def _shown(filename: str) -> str:
    """The name of a file as pictures show it."""
    return filename
