"""`row(id, …)`: a test is that of these rows of the table of forms.

A row of kind "works" has to pass without any warning of an old spelling; one of kind "old" has to
warn exactly once, with today's spelling and the month, however often it is used; one of kind
"refused" has to fail with its message.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import pellucid.compat.tvm  # noqa: F401 - from here on `import tvm` means Pellucid
from pellucid.compat.tvm.table import Form, forms
from pellucid.support import old_forms
from pellucid.support.errors import PellucidDeprecationWarning, PellucidError


def _told(test: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> list[str]:
    """What a test warns of, run twice."""
    old_forms.forget()
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        test(*args, **keywords)
        test(*args, **keywords)
    return [str(each.message) for each in found if each.category is PellucidDeprecationWarning]


def _check_told(form: Form, told: list[str]) -> None:
    mine = [each for each in told if f"Write {form.today}." in each]
    assert len(mine) == 1, f"{form.id}: {told}"
    assert f"(until {form.since})" in mine[0]


def row(*ids: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a test as that of the rows `ids`, all of one kind."""
    kinds = {forms()[each].kind for each in ids}
    assert len(kinds) == 1, f"rows of different kinds: {ids}"
    kind = kinds.pop()

    def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(test)
        def run(*args: Any, **keywords: Any) -> None:
            if kind == "refused":
                with pytest.raises(PellucidError) as caught:
                    test(*args, **keywords)
                for each in ids:
                    assert forms()[each].message in str(caught.value)
                return
            told = _told(test, args, keywords)
            for each in ids if kind == "old" else ():
                _check_told(forms()[each], told)
            if kind == "works":
                assert told == []

        return run

    return decorate
