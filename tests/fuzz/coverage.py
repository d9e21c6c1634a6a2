"""Collecting what generated programs contain, checking that nothing was left out, and keeping
records of long runs.

A law that tries nothing holds; so each law notes the features of its programs, and a last test
demands that every
node class, dtype and loop kind appeared. A long run (`make fuzz`) leaves a small record for each
law.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

RECORDS = Path(__file__).resolve().parent / "records"
laws: list[Coverage] = []


class Coverage:
    """Counts the programs of one law, which the function `test` tries, and the features in them."""

    def __init__(self, law: str, wanted: set[str], test: str, *, timed: bool = False) -> None:
        # Whether the law runs for a time (`make fuzz-schedule`); records then show all counts.
        self.timed = timed
        self.law = law
        self.test = test
        self.wanted = wanted
        self.programs = 0
        self.seen: Counter[str] = Counter()
        # What broke the law, for laws that go on after a finding.
        self.findings: list[str] = []
        laws.append(self)

    def note(self, features: set[str], count: int = 1) -> None:
        """Count one program (which may stand for `count` of them)."""
        self.programs += count
        self.seen.update(features)

    def check(self) -> None:
        """Print the counts, and fail when something wanted never appeared."""
        print(f"{self.law}: {self.programs} programs")
        for name in sorted(self.wanted):
            print(f"  {name}: {self.seen[name]}")
        missing = sorted(name for name in self.wanted if not self.seen[name])
        assert not missing, f"{self.law}: no program had {', '.join(missing)}"

    def record(self, seed: str, seconds: float, findings: int) -> Path:
        """Write seed, count, seconds, commit and findings of a long run."""
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            capture_output=True,
            text=True,
            check=False,
            cwd=RECORDS.parent,
        ).stdout.strip()
        name = re.sub(r"[^a-z]+", "-", self.law.lower()).strip("-")
        RECORDS.mkdir(exist_ok=True)
        path = RECORDS / f"{name}.json"
        data = {
            "law": self.law,
            "seed": seed,
            "programs": self.programs,
            "seconds": round(seconds, 1),
            "commit": commit,
            "findings": findings,
            "least_seen": min((self.seen[name] for name in self.wanted), default=0),
        }
        if self.timed:
            data["successes"] = {name: self.seen[name] for name in sorted(self.wanted)}
        path.write_text(json.dumps(data, indent=2) + "\n")
        return path
