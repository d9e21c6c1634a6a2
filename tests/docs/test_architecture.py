"""The programs shown in ARCHITECTURE.md are what the code makes of them today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_stations_are_up_to_date() -> None:
    run = subprocess.run(
        [sys.executable, "tools/architecture_stations.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, (
        f"{run.stderr}{run.stdout}\ncure: python tools/architecture_stations.py"
    )
