"""Target descriptions as text or dict → kind and options, with errors that help.

`llvm -mcpu=znver4 -num-cores 2`, `{"kind": "llvm", "mcpu": "znver4", "num-cores": 2}`: an option
is spelt with one or two dashes, its value after `=` or a space.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from pellucid.support.errors import TargetError, UnsupportedError, did_you_mean

Options = tuple[tuple[str, str | int], ...]

KINDS = ("llvm",)
# Machines that the language names and this build of the system has no code generator for.
KNOWN_KINDS = ("c", "cuda", "rocm", "metal", "opencl", "vulkan", "webgpu", "hexagon", "nvptx")


def _text(name: str, value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise TargetError(
        f"The target option {name!r} has a value that it cannot have.",
        expected="a name",
        found=repr(value),
    )


def _joined(name: str, value: object) -> object:
    if not isinstance(value, (list, tuple)):
        return value
    return ",".join(_text(name, each) for each in cast("Sequence[object]", value))


def _features(name: str, value: object) -> str:
    value = _joined(name, value)
    parts = [part.strip() for part in _text(name, value).split(",")]
    for part in parts:
        if len(part) < 2 or part[0] not in "+-":
            raise TargetError(
                f"The target option {name!r} has a value that it cannot have.",
                expected="features with + or - in front, such as +avx2,-avx512f",
                found=repr(part),
            )
    return ",".join(parts)


def _count(name: str, value: object) -> int:
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise TargetError(
        f"The target option {name!r} has a value that it cannot have.",
        expected="a whole number above 0",
        found=repr(value),
    )


def _width(name: str, value: object) -> int:
    width = _count(name, value)
    if width not in (128, 256, 512):
        raise TargetError(
            f"The target option {name!r} has a value that it cannot have.",
            expected="128, 256 or 512 (bits)",
            found=repr(width),
        )
    return width


def _only_cpu(name: str, value: object) -> str:
    value = _joined(name, value)
    if value != "cpu":
        raise TargetError(
            f"The target option {name!r} has a value that it cannot have.",
            expected="'cpu', the only device of the kind 'llvm'",
            found=repr(value),
        )
    return "cpu"


OPTIONS: dict[str, Callable[[str, object], str | int]] = {
    "mcpu": _text,
    "mtriple": _text,
    "mattr": _features,
    "num-cores": _count,
    "vector-width": _width,
    "l1-size": _count,
    "l2-size": _count,
    "l3-size": _count,
    "keys": _only_cpu,
    "device": _only_cpu,
}


def parse(description: str | Mapping[str, object]) -> tuple[str, Options]:
    """The kind and the checked options, sorted by name, of a description."""
    if isinstance(description, str):
        kind, given = _split(description)
    else:
        given = dict(description)
        kind = given.pop("kind", None)
        if not isinstance(kind, str):
            raise TargetError(
                "A target given as a dict needs its kind.",
                expected='an entry "kind" such as "llvm"',
                found=f"the entries {sorted(description)}",
            )
    _check_kind(kind)
    checked: dict[str, str | int] = {}
    for name, value in given.items():
        known = OPTIONS.get(name)
        if known is None:
            raise TargetError(
                f"The target kind {kind!r} has no option {name!r}.",
                expected=f"one of {', '.join(sorted(OPTIONS))}",
                cure=did_you_mean(name, OPTIONS),
            )
        if name in ("keys", "device"):
            known(name, value)  # says nothing new for this kind, so it is checked and left out
        else:
            checked[name] = known(name, value)
    return kind, tuple(sorted(checked.items()))


def _check_kind(kind: str) -> None:
    if kind in KINDS:
        return
    name = "cuda" if kind.startswith("nvidia/") else kind
    if name in KNOWN_KINDS:
        raise UnsupportedError(
            f"The code generator for the target kind {name!r} is not built.",
            expected="a target of the kind 'llvm'",
            found=repr(kind),
            cure='use Target("llvm"), which runs on the processor',
        )
    raise TargetError(
        f"There is no target kind {kind!r}.",
        expected="'llvm', with options such as -mcpu=znver4",
        cure=did_you_mean(kind, (*KINDS, *KNOWN_KINDS)),
    )


def _split(text: str) -> tuple[str, dict[str, object]]:
    words = shlex.split(text)
    if not words or words[0].startswith("-"):
        raise TargetError(
            "A target description begins with its kind.",
            expected="such as 'llvm -mcpu=znver4'",
            found=repr(text),
        )
    given: dict[str, object] = {}
    index = 1
    while index < len(words):
        word = words[index]
        index += 1
        if not word.startswith("-"):
            raise TargetError(
                f"The target description {text!r} has a word that belongs to no option.",
                expected="options such as -mcpu=znver4 or -num-cores 2",
                found=repr(word),
            )
        name, equals, value = word.lstrip("-").partition("=")
        if not equals:
            if index == len(words):
                raise TargetError(
                    f"The target option {name!r} has no value.", expected=f"-{name}=<value>"
                )
            value = words[index]
            index += 1
        if name in given:
            raise TargetError(f"The target option {name!r} is given twice.", found=repr(text))
        given[name] = value
    return words[0], given
