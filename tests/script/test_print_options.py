"""The printer's options: underlines, comments, context, numbers, names, prefixes."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.ir.place import ScriptPlace
from pellucid.ir.visitor import pre_order
from pellucid.script import from_source
from pellucid.support.errors import ConfigError, WellFormedError
from pellucid.tir.buffer import BufferLoad
from pellucid.tir.stmt import BufferStore, For

TEXT = """\
@T.prim_func
def main(A: T.Buffer((4,), "float32"), n: T.int64):
    for i in range(4):
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            T.reads(A[vi])
            T.writes(A[vi])
            A[vi] = A[vi] + T.float32(1)
"""
HEADER = "# from pellucid.script import tir as T\n\n"


def program() -> Any:
    return from_source(TEXT)


def find(root: Any, kind: type) -> Any:
    return next(each for each in pre_order(root) if isinstance(each, kind))


def test_underlined_expression() -> None:
    func = program()
    lines = func.script(obj_to_underline=[find(find(func, BufferStore), BufferLoad)]).splitlines()
    assert lines[-2:] == [
        "            A[vi] = A[vi] + T.float32(1)",
        "                    ^^^^^",
    ]


def test_underlined_statement_with_context_and_numbers() -> None:
    func = program()
    text = func.script(
        obj_to_underline=[find(func, For).body.block], num_context_lines=1, print_line_numbers=True
    )
    assert text == (
        "...\n"
        " 6     for i in range(4):\n"
        ' 7         with T.block("B"):\n'
        "           ^^^^^^^^^^^^^^^^^^\n"
        " 8             vi = T.axis.spatial(4, i)\n"
        "..."
    )


def test_comments() -> None:
    func = program()
    loop, store = find(func, For), find(func, BufferStore)
    lines = func.script(obj_to_annotate={loop: "the loop", store: "adds\none"}).splitlines()
    assert lines[5] == "    for i in range(4):  # the loop"
    assert lines[-1] == "            A[vi] = A[vi] + T.float32(1)  # adds one"


def test_paths() -> None:
    func = program()
    text = func.script(
        path_to_underline=[".body.block.body.extent"], path_to_annotate={".params[1]": "a size"}
    )
    assert "    for i in range(4):\n                   ^\n" in text
    assert "n: T.int64):  # a size" in text
    with pytest.raises(ConfigError, match="leads nowhere"):
        func.script(path_to_underline=[".body.blocks"])


def test_prefixes_and_names() -> None:
    func = program()
    text = func.script(tir_prefix="tirx", name="f", indent_spaces=2)
    assert text.splitlines()[2:5] == [
        "@tirx.prim_func",
        'def f(A: tirx.Buffer((4,), "float32"), n: tirx.int64):',
        '  tirx.func_attr({"global_symbol": "main"})',
    ]


def test_addresses() -> None:
    func = program()
    loop = find(func, For)
    assert f"i_{id(loop.loop_var):#x}" in func.script(show_object_address=True)


def test_other_bare_dtypes() -> None:
    func = program()
    assert "A[vi] = A[vi] + 1.0" in func.script(float_dtype="float32")
    assert "range(T.int32(4))" in func.script(int_dtype="int64")


def test_unset_options_are_left_out() -> None:
    func = program()
    assert func.script(name=None) == func.script() == HEADER + func.script()[len(HEADER) :]


def test_an_unknown_option_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no option 'show_metadata'") as error:
        program().script(show_metadata=True)
    assert error.value.cure == "did you mean 'show_meta'?"


def test_place_of_an_error() -> None:
    func = program()
    place = ScriptPlace.of(func, find(func, BufferStore), context_lines=0)
    error = WellFormedError("This store is wrong.", place=place)
    assert str(error) == (
        "This store is wrong.\n"
        "...\n"
        "11             A[vi] = A[vi] + T.float32(1)\n"
        "               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^"
    )
