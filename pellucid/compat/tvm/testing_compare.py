"""`CompareBeforeAfter`: a test case as two scripts and the pass between them.

    class TestFold(tvm.testing.CompareBeforeAfter):
        transform = tvm.tir.transform.Simplify()

        def before(A: T.Buffer((16,), "int32")):
            ...

        def expected(A: T.Buffer((16,), "int32")):
            ...

`before` and `expected` are functions in script (decorated or not), classes of such, modules,
methods that give one of these, or (`expected` only) an error class. `transform` is a pass, or a
method that gives one.
"""

from __future__ import annotations

import inspect
import types
from typing import Any

from pellucid.ir.module import IRModule
from pellucid.ir.structural import assert_structural_equal
from pellucid.script.parser import entry
from pellucid.script.parser.capture import host_values


class CompareBeforeAfter:
    """Base of such test cases; pytest collects its subclasses."""

    check_well_formed = True
    before: Any
    expected: Any
    transform: Any

    def test_compare(self) -> None:
        """Apply `transform` to `before` and compare the result with `expected`."""
        import pytest

        cls = type(self)
        if not hasattr(cls, "before") or not hasattr(cls, "expected"):
            pytest.skip("the case has no before and expected")
        transform = self._transform()
        expected = self._value("expected")
        if _is_error(expected):
            kind = expected if isinstance(expected, type) else type(expected)
            with pytest.raises(kind):
                transform(_module(self._value("before")))
            return
        after = transform(_module(self._value("before")))
        assert_structural_equal(after, _module(expected))

    def _transform(self) -> Any:
        found = inspect.getattr_static(type(self), "transform")
        if isinstance(found, types.FunctionType) and len(inspect.signature(found).parameters) == 1:
            return found(self)
        return type(self).transform

    def _value(self, name: str) -> Any:
        """The script, module, or error under `name`."""
        found = inspect.getattr_static(type(self), name)
        if isinstance(found, types.FunctionType):
            if next(iter(inspect.signature(found).parameters), None) == "self":
                return found(self)
            return _parsed(found, self.check_well_formed)
        if inspect.isclass(found) and not _is_error(found):
            members = {
                key: _parsed(each, self.check_well_formed)
                if isinstance(each, types.FunctionType)
                else getattr(found, key)
                for key, each in vars(found).items()
                if not key.startswith("_")
            }
            return IRModule(members)
        return getattr(type(self), name)


def _parsed(function: types.FunctionType, check_well_formed: bool) -> Any:
    """A plain function in script as a `PrimFunc`."""
    frame = inspect.currentframe()
    assert frame is not None
    host = host_values(frame, [function])
    return entry.parse_function("tir", function, host, {"check_well_formed": check_well_formed})


def _module(found: Any) -> Any:
    """A module; the name of a function that stands alone does not count."""
    if isinstance(found, IRModule):
        return found
    named = "global_symbol" in found.attrs
    return IRModule({"main": found.with_attr("global_symbol", "main") if named else found})


def _is_error(value: Any) -> bool:
    return isinstance(value, Exception) or (
        inspect.isclass(value) and issubclass(value, BaseException)
    )
