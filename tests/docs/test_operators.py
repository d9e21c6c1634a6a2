"""The table of operators in the documentation is that of the records."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TABLE = "import runpy; print(runpy.run_path('tools/make_operator_table.py')['table'](), end='')"


def test_the_table_of_operators_is_up_to_date() -> None:
    # In a process of its own: other tests define operators.
    made = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", TABLE],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    found = (ROOT / "docs" / "operators.md").read_text("utf-8")
    assert found == made.stdout, "run: python tools/make_operator_table.py"
