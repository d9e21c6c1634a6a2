"""Warnings about old spellings: each form once in a process, at the user's own line.

In: what was written, what is written today, and since when. Out: a `PellucidDeprecationWarning`
whose place is the nearest caller outside this package.
"""

from __future__ import annotations

import sys
import types
import warnings

from pellucid.support.errors import PellucidDeprecationWarning

_told: set[str] = set()
_OWN = ("pellucid", "importlib", "_frozen_importlib")


def warn_once(old: str, today: str, since: str) -> None:
    """Tell once that `old` is spelled `today` since the month `since` (such as "2023-03")."""
    if old in _told:
        return
    text = f"{old} is an old spelling (until {since}). Write {today}."
    frame = _outside(sys._getframe(1))  # pyright: ignore[reportPrivateUsage]
    if frame is None:
        warnings.warn(text, PellucidDeprecationWarning, stacklevel=2)
    else:
        warnings.warn_explicit(
            text,
            PellucidDeprecationWarning,
            frame.f_code.co_filename,
            frame.f_lineno,
            str(frame.f_globals.get("__name__", "")),
        )
    # Only now: where warnings are errors, every use of the form is one.
    _told.add(old)


def forget() -> None:
    """Warn again about forms that were told before."""
    _told.clear()


def _outside(frame: types.FrameType | None) -> types.FrameType | None:
    """The nearest frame that is neither ours nor the import system's."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.split(".")[0] not in _OWN:
            return frame
        frame = frame.f_back
    return None
