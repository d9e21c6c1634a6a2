"""Finding the part of a program that a path names, such as `.body.block.reads[0]`.

Paths are those of `first_difference`; in a module they go by `[1]["main"]` or by the position that
it reports.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any, cast

from pellucid.support.errors import ConfigError

_STEP = re.compile(r"\.(\w+)|\[([^\]]+)\]")


def node_at(root: Any, path: str) -> Any:
    """The part of `root` at `path`; a path that leads nowhere is an error."""
    content = getattr(root, "structural_content", None)
    value = root if content is None else content()
    position = 0
    while position < len(path):
        if path[position:] == ".":
            break
        match = _STEP.match(path, position)
        if match is None:
            raise _lost(path, position)
        try:
            value = _step(value, match)
        except (AttributeError, LookupError, TypeError, ValueError):
            raise _lost(path, position) from None
        position = match.end()
    return value


def _step(found: object, match: re.Match[str]) -> Any:
    value: Any = found
    if match[1] is not None:
        return getattr(value, match[1])
    key: Any = ast.literal_eval(match[2])
    if isinstance(value, Mapping) and isinstance(key, int):
        return list(cast("Mapping[Any, Any]", value).values())[key]
    if isinstance(value, tuple) and isinstance(key, str):
        return dict(cast("tuple[tuple[str, Any], ...]", value))[key]
    return cast("Any", value)[key]


def _lost(path: str, position: int) -> ConfigError:
    return ConfigError(
        f"The path {path!r} leads nowhere.",
        expected="field names and positions, such as .body.seq[0]",
        found=f"a step that does not fit: {path[position:]!r}",
    )
