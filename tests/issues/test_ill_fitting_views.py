"""Views, extents and vector indices that do not fit: refused where they are written."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid
from pellucid.script import from_source
from pellucid.script import tir as T
from pellucid.support.errors import ParseError, RegistryError, WellFormedError

HEAD = '@T.prim_func\ndef f(A: T.Buffer((16, 16), "float32")):\n'


def program(body: str) -> str:
    return HEAD + "".join(f"    {line}\n" for line in body.splitlines())


CASES = {
    "shape of a view": (
        'with T.block("b"):\n  C = T.match_buffer(A[0:4, 0:4], (4, 5))\n  C[0, 0] = 1.0',
        "The function 'f' is ill-formed: the view 'C' differs in shape from its region.\n"
        " --> <script>:4:11\n"
        "  |\n"
        "4 |       C = T.match_buffer(A[0:4, 0:4], (4, 5))\n"
        "  |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  expected: A[0:4, 0:4], without leading extents of 1\n"
        "  found: (4, 5)",
    ),
    "a dimension dropped that has more than one element": (
        'with T.block("b"):\n  C = T.match_buffer(A[0:2, 0:4], (4,))\n  C[0] = 1.0',
        "The function 'f' is ill-formed: the view 'C' differs in shape from its region.\n"
        " --> <script>:4:11\n"
        "  |\n"
        "4 |       C = T.match_buffer(A[0:2, 0:4], (4,))\n"
        "  |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  expected: A[0:2, 0:4], without leading extents of 1\n"
        "  found: (4,)",
    ),
    "dtype of a view": (
        'with T.block("b"):\n  C = T.match_buffer(A[0:4, 0:4], (4, 4), "float16")\n'
        "  C[0, 0] = T.float16(1)",
        "The function 'f' is ill-formed: the view 'C' differs in dtype from 'A'.\n"
        " --> <script>:4:11\n"
        "  |\n"
        '4 |       C = T.match_buffer(A[0:4, 0:4], (4, 4), "float16")\n'
        "  |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  expected: float32\n"
        "  found: float16\n"
        "  cure: give the view the dtype of the buffer, and cast its elements",
    ),
    "a negative extent": (
        "C = T.alloc_buffer((-4,))\nC[0] = 1.0",
        "The function 'f' is ill-formed: the buffer 'C' has a negative extent.\n"
        " --> <script>:3:9\n"
        "  |\n"
        "3 |     C = T.alloc_buffer((-4,))\n"
        "  |         ^^^^^^^^^^^^^^^^^^^^^\n"
        "  expected: extents of 0 and more\n"
        "  found: (-4,)",
    ),
    "a vector before the last index": (
        "A[0:4, 0] = 1.0",
        "The function 'f' is ill-formed: an index of 'A' before the last one is a vector.\n"
        " --> <script>:3:5\n"
        "  |\n"
        "3 |     A[0:4, 0] = 1.0\n"
        "  |     ^^^^^^^^^^^^^^^\n"
        "  found: T.Ramp(0, 1, 4), 0\n"
        "  cure: let a loop run over that dimension, or make it the last one",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_message(name: str) -> None:
    body, message = CASES[name]
    with pytest.raises(WellFormedError) as caught:
        from_source(program(body))
    assert str(caught.value) == message


def test_leading_extents_of_one_are_dropped() -> None:
    body = 'with T.block("b"):\n  C = T.match_buffer(A[3:4, 0:4], (4,))\n  C[1] = 1.0'
    values = np.zeros((16, 16), "float32")
    pellucid.build(from_source(program(body)))(values)
    assert values[3, 1] == 1


def test_a_script_is_text() -> None:
    with pytest.raises(ParseError) as caught:
        from_source(None)  # pyright: ignore[reportArgumentType]
    assert str(caught.value) == (
        "A script is text.\n"
        "  found: a NoneType\n"
        "  cure: pass mod.script(show_meta=True), or what a file holds"
    )


@T.prim_func
def wrapper(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
    T.call_packed("wrapper", A, B)


def test_a_function_that_calls_its_own_name_means_the_registered_one() -> None:
    built = pellucid.build(wrapper)
    a, b = np.ones(4, "float32"), np.zeros(4, "float32")
    with pytest.raises(RegistryError, match="'wrapper', which is not registered"):
        built(a, b)

    def double(x: pellucid.nd.NDArray, out: pellucid.nd.NDArray) -> None:
        np.from_dlpack(out)[...] = 2 * x.numpy()

    pellucid.register_func("wrapper", double)
    try:
        pellucid.build(wrapper)(a, b)
    finally:
        pellucid.runtime.registry.remove_global_func("wrapper")
    np.testing.assert_array_equal(b, 2 * a)
