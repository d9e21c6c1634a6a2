"""Writes docs/operators.md: every operator of the graph level, from the operators' records.

    python tools/make_operator_table.py

In: the records in `pellucid.relax.op`. Out: one table a family, with the call and the first
sentence of what it means.
"""

from __future__ import annotations

import inspect
from pathlib import Path

from pellucid.relax import op
from pellucid.relax.op.record import OpRecord, TeLowering, records

TARGET = Path(__file__).resolve().parent.parent / "docs" / "operators.md"

HEAD = """\
# Operators of the graph level

Each is the function `relax.op.<name>`, in scripts `R.<name>`, and the operator `relax.<name>`. Its
record in `pellucid/relax/op` holds everything about it: arguments, struct-info rule, lowering to
loops, NumPy reference, samples. This page is made from the records by
`tools/make_operator_table.py`; `tests/docs/test_operators.py` compares the two.

Lowered to: *loops* is one loop function, *operators* are several others, *runtime* is a function of
the runtime, since the shape of the result depends on the data.
"""


def lowering(record: OpRecord) -> str:
    """What a call becomes."""
    rule = record.op.attr("FLegalize")
    if isinstance(rule, TeLowering):
        return "loops"
    return "runtime" if record.op.has_attr("FDataDependent") else "operators"


def call(record: OpRecord) -> str:
    """The call with its defaults."""
    bare = [
        each.replace(annotation=inspect.Parameter.empty)
        for each in record.signature.parameters.values()
    ]
    return f"{record.name}{inspect.Signature(bare)}"


def meaning(text: str) -> str:
    """The first sentence of a docstring, on one line."""
    first = " ".join(text.split("\n\n")[0].split())
    return first.replace("|", "\\|")


def family(record: OpRecord) -> str:
    """The file, as a title."""
    path = record.function.__module__.removeprefix("pellucid.relax.op.")
    return path.replace("_", " ").replace(".", ": ")


def table() -> str:
    """The whole page."""
    families: dict[str, list[OpRecord]] = {}
    for record in records():
        families.setdefault(family(record), []).append(record)
    lines = [HEAD, f"There are {len(records())} with a record.\n"]
    for title in sorted(families):
        lines += [f"## {title}\n", "| call | meaning | lowered to |", "|---|---|---|"]
        lines += [
            f"| `{call(each)}` | {meaning(each.doc)} | {lowering(each)} |"
            for each in families[title]
        ]
        lines.append("")
    lines += ["## Without a record\n", "| call | meaning |", "|---|---|"]
    for function in (op.print, op.assert_op, op.null_value, op.call_inplace_packed):
        name = function.__name__
        lines.append(f"| `{name}` | {meaning(inspect.getdoc(function) or '')} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(table(), "utf-8")
