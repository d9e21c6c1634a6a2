"""A figure's circumstances: machine, versions, commit; and writing figures as JSON."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path
from typing import Any

from pellucid.support import host

RESULTS = Path(__file__).resolve().parent / "results"


def circumstances() -> dict[str, Any]:
    """What the figures were measured on and with."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
        cwd=RESULTS.parent,
    ).stdout.strip()
    versions = {}
    for name in ("numpy", "llvmlite", "apache-tvm-ffi", "torch"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "processor": host.cpu_name(),
        "cores": host.cores(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": versions,
        "commit": commit,
    }


def write(name: str, figures: dict[str, Any]) -> Path:
    """Write `figures` with their circumstances to `results/<name>.json`."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    data = {"circumstances": circumstances(), "figures": figures}
    path.write_text(json.dumps(data, indent=2) + "\n")
    return path
