"""Collecting what generated programs contain, and checking that nothing was left out.

A law that tries nothing holds; so each law notes the features of its programs, and a last test
demands that every
node class, dtype and loop kind appeared. With several test processes each checks what it saw
itself.
"""

from __future__ import annotations

from collections import Counter


class Coverage:
    """Counts the programs of one law and the features in them."""

    def __init__(self, law: str, wanted: set[str]) -> None:
        self.law = law
        self.wanted = wanted
        self.programs = 0
        self.seen: Counter[str] = Counter()

    def note(self, features: set[str]) -> None:
        """Count one program."""
        self.programs += 1
        self.seen.update(features)

    def check(self) -> None:
        """Print the counts, and fail when something wanted never appeared."""
        print(f"{self.law}: {self.programs} programs")
        for name in sorted(self.wanted):
            print(f"  {name}: {self.seen[name]}")
        missing = sorted(name for name in self.wanted if not self.seen[name])
        assert not missing, f"{self.law}: no program had {', '.join(missing)}"
