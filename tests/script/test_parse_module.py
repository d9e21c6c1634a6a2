"""`I.ir_module`: classes as modules, and the ways a script's text is found."""

from __future__ import annotations

import doctest
import linecache
import textwrap
from collections.abc import Callable

import pytest

import pellucid.script
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.structural import assert_structural_equal
from pellucid.script import from_source, ir_module
from pellucid.script import ir as I
from pellucid.script import tir as T
from pellucid.support.errors import ParseError, TypeMismatchError, WellFormedError
from pellucid.tir.function import PrimFunc

TEXT = """
@I.ir_module
class Mod:
    I.module_attrs({"version": 3})
    I.module_global_infos({"vdevice": [I.vdevice("llvm", 0)]})

    @T.prim_func
    def first(A: T.Buffer((4,), "float32")):
        A[0] = 1

    @T.prim_func(private=True)
    def second(x: T.int32) -> T.int32:
        return x + 1

    @T.prim_func
    def third(A: T.Buffer((4,), "int32")):
        cls = Mod
        A[0] = cls.second(A[1])
        T.evaluate(Mod.first(A.data))
"""


def test_a_module_from_text() -> None:
    mod = from_source(TEXT, check_well_formed=False)
    assert isinstance(mod, IRModule)
    assert mod.__name__ == "Mod"
    assert [each.name_hint for each in mod] == ["first", "second", "third"]
    assert mod.attrs["version"] == 3
    assert mod.global_infos["vdevice"][0].memory_scope == "global"
    assert mod["first"].attrs["global_symbol"] == "first"
    assert "global_symbol" not in mod["second"].attrs


def test_calls_between_functions_of_a_module() -> None:
    mod = from_source(TEXT, check_well_formed=False)
    store, evaluate = mod["third"].body.seq
    assert store.value.op is mod.get_global_var("second")
    assert store.value.dtype == "int32"
    assert isinstance(evaluate.value.op, GlobalVar)
    assert evaluate.value.dtype == "void"


def test_decorated_class() -> None:
    extent = 8

    @I.ir_module
    class Decorated:
        @T.prim_func
        def main(A: T.Buffer((extent,), "float32")):
            for i in range(extent):
                A[i] = 1

    @ir_module(check_well_formed=False)
    class Same:
        @T.prim_func
        def main(A: T.Buffer((8,), "float32")):
            for i in range(8):
                A[i] = 1

    assert isinstance(Decorated, IRModule)
    assert_structural_equal(Decorated, Same)
    assert Decorated.__name__ == "Decorated"
    assert Decorated["main"].span.source.name == __file__


def test_empty_module() -> None:
    @I.ir_module
    class Empty:
        pass

    assert len(Empty) == 0


def test_host_values_in_a_class_body() -> None:
    @I.ir_module
    class WithValues:
        size = 4
        half = size // 2

        @T.prim_func
        def main(A: T.Buffer((4,), "float32")):
            A[half] = 1

    assert WithValues["main"].body.indices[0].value == 2


def test_decorator_called_on_a_class() -> None:
    class Plain:
        @T.prim_func
        def main(A: T.Buffer((4,), "float32")):
            A[0] = 1

    assert isinstance(Plain.main, PrimFunc)
    mod = I.ir_module(Plain)
    assert_structural_equal(mod["main"], Plain.main)


def test_functions_of_a_plain_class_are_parsed_when_read() -> None:
    class Case:
        @T.prim_func
        def before(A: T.Buffer((4,), "float32")):
            A[0] = undefined_name

        @T.prim_func(private=True)
        def after(A: T.Buffer((4,), "float32")):
            A[0] = 2

    with pytest.raises(ParseError, match="undefined_name"):
        Case.before
    assert Case.after is Case().after


def test_executed_text_with_registered_lines() -> None:
    text = textwrap.dedent(
        """
        from pellucid.script import ir as I, tir as T

        @I.ir_module
        class Cell:
            @T.prim_func
            def main(A: T.Buffer((4,), "float32")):
                A[0] = 1

        @T.prim_func
        def alone(A: T.Buffer((4,), "float32")):
            A[0] = 2
        """
    )
    name = "<cell 1>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    scope: dict[str, object] = {"__name__": "cell"}
    exec(compile(text, name, "exec"), scope)
    assert isinstance(scope["Cell"], IRModule)
    assert isinstance(scope["alone"], PrimFunc)


def test_executed_text_without_lines() -> None:
    text = "from pellucid.script import tir as T\n@T.prim_func\ndef f(x: T.int32):\n    x\n"
    with pytest.raises(ParseError, match="source of 'f' cannot be found"):
        exec(compile(text, "<nowhere>", "exec"), {})


DOCTEST = """
>>> from pellucid.script import tir as T
>>> @T.prim_func
... def f(A: T.Buffer((4,), "float32")):
...     A[0] = 1
>>> f.attrs["global_symbol"]
'f'
"""


def test_doctest() -> None:
    example = doctest.DocTestParser().get_doctest(DOCTEST, {}, "example", "example.txt", 0)
    results = doctest.DocTestRunner(verbose=False).run(example)
    assert results.failed == 0


def test_texts_may_import_their_namespaces_and_assign() -> None:
    func = from_source(
        """
# from pellucid.script import tir as T
from __future__ import annotations
from pellucid.script import tir as X
size = 3 + extra

@X.prim_func
def main(A: X.Buffer((size,), "float32")):
    A[0] = 1
""",
        {"extra": 1},
    )
    assert func.buffers[0].shape[0].value == 4
    assert pellucid.script.parse is from_source


def test_an_indented_text() -> None:
    func = from_source(
        """
    @T.prim_func
    def main(A: T.Buffer((4,), "float32")):
        T.evaluate(T.call_extern("int32", '''a
b'''))
"""
    )
    assert func.body.value.args[0].value == "a\nb"
    assert func.body.span.line == 4


def test_places_count_characters() -> None:
    with pytest.raises(ParseError) as caught:
        from_source(
            "@T.prim_func\ndef main(A: T.Buffer((4,), 'int32')):\n"
            "    A[0] = len('größe') + missing\n"
        )
    last = str(caught.value).splitlines()[4]
    assert last.index("^") - len("3 | ") == 4 + len("A[0] = len('größe') + ")


def test_the_same_function_twice_gives_equal_programs() -> None:
    assert_structural_equal(
        from_source(TEXT, check_well_formed=False), from_source(TEXT, None, False)
    )


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: T.prim_func(3), "Only a Python function can be decorated"),
        (lambda: I.ir_module(3), "I.ir_module decorates a class"),
        (lambda: T.macro(3), "T.macro decorates a function"),
        (lambda: T.prim_func(lambda x: x), "no function definition"),
    ],
)
def test_decorators_on_other_things(use: Callable[[], object], message: str) -> None:
    with pytest.raises((ParseError, TypeMismatchError), match=message):
        use()


def test_the_check_of_the_rules_can_be_left_out() -> None:
    text = """
@I.ir_module
class Mod:
    @T.prim_func{options}
    def main(A: T.Buffer((4,), "float32")):
        for i in range(4):
            with T.block("b"):
                v = T.axis.spatial(4, i)
                A[v] = A[i]
"""
    with pytest.raises(WellFormedError, match="loop variable 'i' of the outside"):
        from_source(text.format(options=""))
    checked_not = text.format(options="(check_well_formed=False)")
    unchecked = from_source(text.format(options=""), check_well_formed=False)
    assert_structural_equal(from_source(checked_not), unchecked)
