"""Attribute values as text: plain data as Python spells it, nodes by their scripts.

A constant node is written with its dtype (`T.int32(4)`), since a bare `4` is the Python number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

from pellucid.ir import scalar
from pellucid.ir.attrs import Attrs
from pellucid.ir.dtype import UNKNOWN
from pellucid.ir.node import Map, Node
from pellucid.script.metadata import ARRAY
from pellucid.script.printer.context import Level, Printer, Text, prints_expr, string_text


def text(p: Printer, value: Any) -> str:
    """The text of a value in a dictionary or list of attributes."""
    if isinstance(value, Node):
        return node_text(p, value)
    if isinstance(value, tuple | list):
        items = [text(p, each) for each in cast("tuple[Any, ...]", value)]
        return f"[{', '.join(items)}]"
    if isinstance(value, Map | Mapping):
        return _dictionary(p, cast("Mapping[Any, Any]", value))
    if value is None or isinstance(value, bool | int):
        return repr(value)
    if isinstance(value, str):
        return string_text(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else f'float("{value}")'
    return p.metadata.refer(ARRAY, value)


def _dictionary(p: Printer, table: Mapping[Any, Any]) -> str:
    entries = [f"{text(p, key)}: {text(p, each)}" for key, each in table.items()]
    return f"{{{', '.join(entries)}}}"


def node_text(p: Printer, value: Node) -> str:
    """The text of a node that reads back as that node, wherever it stands."""
    if isinstance(value, scalar.IntImm) and not value.dtype.is_bool:
        return p.expr(value, Level.ANY, UNKNOWN)
    if isinstance(value, scalar.StringImm):
        return f"{p.tir('StringImm')}({string_text(value.value)})"
    return p.expr(value)


@prints_expr(Attrs)
def attrs(p: Printer, node: Attrs, bare: Any) -> Text:
    """A dictionary."""
    del bare
    return _dictionary(p, dict(node.entries)), Level.ATOM
