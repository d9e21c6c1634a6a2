"""Laws of evaluation: host expressions mean what Python means, at any place they may stand."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.script.parser.evaluate import Evaluator
from pellucid.script.parser.source import ScriptSource
from pellucid.script.parser.variables import VariableTable
from pellucid.support.errors import ParseError

HOST: dict[str, Any] = {"a": 3, "b": -2, "xs": [5, 0, 7], "d": {"k": 4}, "flag": True, "s": "größe"}

ATOMS = st.sampled_from(
    ["0", "1", "2", "7", "a", "b", "xs[0]", "xs[-1]", "d['k']", "flag", "len(s)", "len(xs)"]
)


def _compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = ["+", "-", "*", "//", "%", "<", "<=", "==", "!=", "and", "or", "&", "|", "^"]
    binary = st.builds("({} {} {})".format, inner, st.sampled_from(operators), inner)
    unary = st.builds("({}{})".format, st.sampled_from(["-", "not ", "+"]), inner)
    return st.one_of(
        binary,
        unary,
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("({} < {} <= {})".format, inner, inner, inner),
        st.builds("max([{}, *xs, {}])".format, inner, inner),
        st.builds("sum([x * {} for x in xs if x > {}])".format, inner, inner),
        st.builds("(lambda p, q={}: p + q)({})".format, inner, inner),
        st.builds("len(f's{{a * {}}}ß{{b!r:>{}}}')".format, st.integers(0, 9), st.integers(1, 9)),
        st.builds("len({{{}: {}, **{{1: 2}}}})".format, inner, inner),
        st.builds("({}, {})[1]".format, inner, inner),
        st.builds("sum(xs[{} % 3:])".format, inner),
    )


EXPRESSIONS = st.recursive(ATOMS, _compound, max_leaves=12)


def _evaluate(text: str) -> Any:
    source = ScriptSource(text)
    statement = source.body[0]
    assert isinstance(statement, ast.Expr)
    return Evaluator(source, VariableTable(HOST)).evaluate(statement.value)


@settings(max_examples=300)
@given(EXPRESSIONS)
def test_host_expressions_mean_what_python_means(text: str) -> None:
    try:
        expected: Any = eval(text, dict(HOST))
    except ZeroDivisionError:
        with pytest.raises(ParseError, match="ZeroDivisionError"):
            _evaluate(text)
        return
    found = _evaluate(text)
    assert (type(found), found) == (type(expected), expected)


@settings(max_examples=100)
@given(EXPRESSIONS, st.text(alphabet="aßé漢 ", max_size=8))
def test_places_are_those_of_the_characters(text: str, before: str) -> None:
    """The caret of an unknown name stands under it, whatever characters come before."""
    line = f"len({before!r}) + {text} + unknown_name"
    try:
        _evaluate(line)
    except ParseError as error:
        picture = str(error).splitlines()
        if "unknown_name" in picture[0]:
            shown, carets = picture[3], picture[4]
            assert shown[carets.index("^") :].startswith("unknown_name")
            assert carets.count("^") == len("unknown_name")
