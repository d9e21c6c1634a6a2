"""The drawing of a graph without further programs: values in layers, each below what it needs.

In: the functions of a `relax.analysis.Graph`. Out: SVG text. A value stands in the layer after its
latest input; within a layer values are ordered by the mean place of their inputs (Sugiyama's
method, one sweep).
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

_CHAR, _LINE = 7.3, 16
_PAD, _GAP_X, _GAP_Y = 10, 24, 36
_FILL = {"parameter": "#e7f5ff", "constant": "#f1f3f5", "output": "#fff9db", "value": "#ffffff"}
_GROUP = "#ebfbee"


def lines_of(node: Any) -> list[str]:
    """The text in the box of a value: what computes it, what that holds, and its struct info."""
    head = node.name if not node.label or node.label == node.name else f"{node.name} = {node.label}"
    return [head, *(f"· {each}" for each in node.parts), *([node.detail] if node.detail else [])]


def _layers(function: Any) -> list[list[Any]]:
    """Values by layer. Parameters and constants stand right above their first use."""
    depth: dict[str, int] = {}
    for node in function.nodes:
        depth[node.name] = 1 + max((depth.get(each, 0) for each in node.inputs), default=-1)
    first: dict[str, int] = {}
    for source, target in function.edges:
        first[source] = min(first.get(source, depth[target]), depth[target])
    for node in function.nodes:
        if not node.inputs and node.name in first:
            depth[node.name] = first[node.name] - 1
    layers: list[list[Any]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in function.nodes:
        layers[depth[node.name]].append(node)
    return layers


def _size(node: Any) -> tuple[float, float]:
    lines = lines_of(node)
    return max(len(each) for each in lines) * _CHAR + 2 * _PAD, len(lines) * _LINE + _PAD


def _place(layers: Sequence[list[Any]], top: float) -> tuple[dict[str, tuple[float, ...]], float]:
    """Left, top, width and height of each value; and the height of all."""
    widths = [sum(_size(node)[0] + _GAP_X for node in layer) for layer in layers]
    whole = max(widths, default=0)
    boxes: dict[str, tuple[float, ...]] = {}
    y = top
    for layer, width in zip(layers, widths, strict=True):
        centres = {name: left + wide / 2 for name, (left, _, wide, _) in boxes.items()}

        def mean(node: Any, centres: dict[str, float] = centres) -> float:
            known = [centres[each] for each in node.inputs if each in centres]
            return sum(known) / len(known) if known else whole / 2

        x = (whole - width) / 2 + _GAP_X / 2
        tallest = 0.0
        for node in sorted(layer, key=mean):
            wide, high = _size(node)
            boxes[node.name] = (x, y, wide, high)
            x += wide + _GAP_X
            tallest = max(tallest, high)
        y += tallest + _GAP_Y
    return boxes, y


def draw(functions: Sequence[Any]) -> str:
    """The functions one below the other."""
    parts: list[str] = []
    y, width = float(_PAD), 200.0
    for function in functions:
        parts.append(f'<text x="{_PAD}" y="{y + _LINE}" font-weight="bold">{_safe(function.name)}'
                     "</text>")  # fmt: skip
        boxes, y = _place(_layers(function), y + 2 * _LINE)
        width = max([width, *(left + wide + _GAP_X for left, _, wide, _ in boxes.values())])
        parts += [_edge(boxes[source], boxes[target]) for source, target in function.edges]
        parts += [_box(node, boxes[node.name]) for node in function.nodes]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{y:.0f}" '
        'font-family="monospace" font-size="12">\n'
        '<defs><marker id="arrow" markerWidth="8" markerHeight="8" refX="7" refY="3" orient="auto">'
        '<path d="M0,0 L7,3 L0,6 z" fill="#495057"/></marker></defs>\n' + "\n".join(parts) + "\n"
        "</svg>"
    )


def _edge(source: tuple[float, ...], target: tuple[float, ...]) -> str:
    x, y = source[0] + source[2] / 2, source[1] + source[3]
    to_x, to_y = target[0] + target[2] / 2, target[1]
    middle = (y + to_y) / 2
    return (
        f'<path d="M{x:.0f},{y:.0f} C{x:.0f},{middle:.0f} {to_x:.0f},{middle:.0f} '
        f'{to_x:.0f},{to_y:.0f}" fill="none" stroke="#495057" marker-end="url(#arrow)"/>'
    )


def _box(node: Any, place: tuple[float, ...]) -> str:
    left, top, wide, high = place
    fill = _GROUP if node.parts else _FILL[node.kind]
    shape = (
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{wide:.0f}" height="{high:.0f}" rx="4" '
        f'fill="{fill}" stroke="#868e96"/>'
    )
    texts = [
        f'<text x="{left + _PAD:.0f}" y="{top + (index + 1) * _LINE:.0f}">{_safe(line)}</text>'
        for index, line in enumerate(lines_of(node))
    ]
    return "\n".join([shape, *texts])


def _safe(text: str) -> str:
    return html.escape(text)
