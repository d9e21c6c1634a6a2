"""The reference pages: what the docstrings say, one page a public package.

In: the packages named below. Out: Markdown. A function is shown with its signature, a class with
its
constructor, its docstring and its public methods. What a package only passes on from another page
of the reference is named there and described once.
"""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
import types
from typing import Any

from pellucid.ir.node import Node
from pellucid.support.config import Variable

# Package, and what it is, as a sentence. The order is that of the menu.
PACKAGES = {
    "pellucid": "What most programs need.",
    "pellucid.relax": "The graph level: expressions, struct infos, the builder, calls.",
    "pellucid.relax.transform": "Passes over graph functions.",
    "pellucid.relax.analysis": "Questions about graph functions.",
    "pellucid.relax.dpl": "Patterns of graphs, and rewriting by them.",
    "pellucid.relax.expr_functor": "Visitors and mutators of graph functions.",
    "pellucid.tir": "The loop level: buffers, statements, blocks, functions, scalar expressions.",
    "pellucid.tir.transform": "Passes over loop functions.",
    "pellucid.tir.analysis": "Questions about loop functions.",
    "pellucid.te": "Tensor expressions: an operation as what one element of its result is.",
    "pellucid.script": "The script language: reading programs.",
    "pellucid.ir": "What both levels share.",
    "pellucid.ir.transform": "Passes as values, and the context that they run in.",
    "pellucid.ir.instruments": "What happens around passes: printing, timing, checking, saving.",
    "pellucid.interp": "The interpreter.",
    "pellucid.driver.pipeline": "The lowering pipeline of loop functions.",
    "pellucid.driver.graph_pipeline": "The pipelines of graph functions.",
    "pellucid.target": "What a machine can do.",
    "pellucid.runtime": "Tensors, packed functions, executables, the virtual machine.",
    "pellucid.testing": "Tools for testing compilers and programs.",
    "pellucid.support.config": "Every environment variable.",
}
# Names that are the same idea many times over, and have a table of their own.
TABLES = {"pellucid.relax.op": "operators.md", "pellucid.topi": "operators.md"}


def page_name(package: str) -> str:
    """The file of a package's page."""
    return f"reference/{package}.md"


def page(package: str) -> str:
    """The reference page of `package`."""
    module = importlib.import_module(package)
    parts = [f"# `{package}`", PACKAGES[package], prose(inspect.getdoc(module) or "")]
    classes: list[str] = []
    functions: list[str] = []
    others: list[str] = []
    for name in public_names(module):
        value = getattr(module, name)
        if isinstance(value, types.ModuleType):
            others.append(f"- `{name}`: a package{linked(value.__name__)}")
        elif inspect.isclass(value):
            classes.append(class_text(name, value))
        elif callable(value) and not isinstance(value, type):
            functions.append(function_text(name, value, "###"))
        elif isinstance(value, Variable):
            default = "" if value.default is None else f"; default `{value.default}`"
            others.append(f"- `{value.name}`: {value.doc}. It takes {value.takes}{default}.")
        else:
            others.append(f"- `{name}` = `{shortened(repr(value))}`")
    for title, found in (("Classes", classes), ("Functions", functions), ("Others", others)):
        if found:
            parts.append(f"## {title}")
            parts.append("\n".join(found) if title == "Others" else "\n\n".join(found))
    return "\n\n".join(part for part in parts if part) + "\n"


def linked(package: str) -> str:
    """A link to the page about a package, if there is one."""
    if package in PACKAGES:
        return f", see [its page]({package}.md)"
    return f", see [the table](../{TABLES[package]})" if package in TABLES else ""


def public_names(module: types.ModuleType) -> list[str]:
    """What the module offers."""
    names = getattr(module, "__all__", None)
    if names is None:
        names = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
        ]
        names += [name for name in getattr(module, "__annotations__", {}) if name.isupper()]
    return sorted(set(names), key=lambda name: (name.lower(), name))


def class_text(name: str, cls: Any) -> str:
    """A class: constructor, docstring, public methods and properties that it defines itself."""
    lines = [f"### {name}", f"```python\nclass {name}{signature(cls)}\n```"]
    lines.append(prose(inspect.getdoc(cls) or ""))
    for key, value in vars(cls).items():
        plain = value.__func__ if isinstance(value, staticmethod | classmethod) else value
        # Every node has these two, made from its fields.
        if key.startswith("_") or (key in ("walk", "map") and issubclass(cls, Node)):
            continue
        if isinstance(plain, property):
            lines.append(f"**`{name}.{key}`** {first_sentence(inspect.getdoc(plain) or '')}")
        elif inspect.isfunction(plain):
            text = f"**`{name}.{key}{signature(plain)}`**"
            lines.append(f"{text}\n\n{indented(inspect.getdoc(plain) or '')}")
    return "\n\n".join(line for line in lines if line)


def function_text(name: str, function: Any, heading: str) -> str:
    """A function: signature and docstring."""
    doc = prose(inspect.getdoc(function) or "")
    return f"{heading} {name}\n\n```python\n{name}{signature(function)}\n```\n\n{doc}"


def signature(function: Any) -> str:
    """The signature, without `self` and without addresses of default values."""
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):
        return "(…)"
    parameters = [each for key, each in found.parameters.items() if key not in ("self", "cls")]
    text = str(found.replace(parameters=parameters))
    return re.sub(r" at 0x[0-9a-f]+", "", text.replace("'", ""))


def prose(doc: str) -> str:
    """A docstring as Markdown: what is indented is code, the rest is words."""
    return "\n\n".join(paragraph(each) for each in doc.split("\n\n") if each.strip())


def paragraph(text: str) -> str:
    """One paragraph: as it is, or as a block of code where it is indented."""
    if text.startswith("    "):
        return f"```python\n{textwrap.dedent(text)}\n```"
    return text.replace("<", "&lt;") if "`" not in text else text


def indented(doc: str) -> str:
    """A docstring below the line of a method."""
    return prose(doc)


def first_sentence(doc: str) -> str:
    """The first paragraph, on one line."""
    return " ".join(doc.split("\n\n")[0].split())


def shortened(text: str, limit: int = 100) -> str:
    """`text`, cut off behind `limit` characters."""
    return text if len(text) <= limit else f"{text[:limit]}…"


def primitives() -> str:
    """The page of schedule primitives, each with what it takes, does and demands."""
    from pellucid.tir import Schedule

    families: dict[str, list[str]] = {}
    for base in Schedule.__mro__:
        for name, value in vars(base).items():
            if getattr(value, "is_primitive", False):
                title = (inspect.getdoc(base) or base.__name__).split("\n")[0].rstrip(".")
                families.setdefault(title, []).append(function_text(name, value, "###"))
    count = sum(map(len, families.values()))
    parts = [
        "# Schedule primitives",
        f"There are {count}. Each is a method of `pellucid.tir.Schedule`. A primitive checks all "
        "of its conditions before the first edit: where one does not hold it raises a "
        "[ScheduleError](../errors/ScheduleError.md), and program and history stay as they were. "
        "Blocks may be given by name.",
    ]
    for title, found in families.items():
        parts += [f"## {title}", *found]
    return "\n\n".join(parts) + "\n"


def importers() -> str:
    """The page of what models come in through: each front end with what it takes."""
    frontend = importlib.import_module("pellucid.frontend")
    parts = [
        "# Importers",
        "What a model can come in through, besides [scripts](../explanation/two_levels.md) and the "
        "`BlockBuilder`. Generated from the packages below `pellucid.frontend`.",
    ]
    for name in public_names(frontend):
        value = getattr(frontend, name)
        if not isinstance(value, types.ModuleType):
            continue
        parts += [f"## `pellucid.frontend.{name}`", prose(inspect.getdoc(value) or "")]
        rows = [
            f"| `{each}` | {escaped(first_sentence(inspect.getdoc(getattr(value, each)) or ''))} |"
            for each in public_names(value)
            if callable(getattr(value, each))
        ]
        parts.append("\n".join(["| name | what it is |", "|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Text for a cell of a table."""
    return text.replace("|", "\\|").replace("<", "&lt;")
