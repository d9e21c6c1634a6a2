"""`tvm.contrib.clang`: C code as LLVM IR, where clang is installed; nothing else needs it.

A loop may carry the text (`sch.annotate(loop, "pragma_import_llvm", text)`), whose functions are
then linked into the program.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pellucid.support.errors import UnsupportedError

_NAMES = ("clang", *(f"clang-{version}" for version in range(22, 13, -1)))


def find_clang(required: bool = True) -> list[str]:
    """The paths of clang on this machine, best first; none of them is an `UnsupportedError`, unless
    `required` is false.
    """
    found = [path for path in map(shutil.which, _NAMES) if path is not None]
    if not found and required:
        raise UnsupportedError(
            "tvm.contrib.clang: clang is not installed.",
            cure="install clang, write the kernel as a T.prim_func, or register a Python function "
            "with tvm.register_func",
        )
    return found


def create_llvm(
    inputs: str | Sequence[str],
    output: str | None = None,
    options: Sequence[str] | None = None,
    cc: str | None = None,
) -> str:
    """The LLVM IR, as text, of C code or of a C file; also written to `output`, if given.

    Raises `RuntimeError` with clang's own words for code that does not compile.
    """
    compiler = cc or find_clang()[0]
    sources = [inputs] if isinstance(inputs, str) else list(inputs)
    with tempfile.TemporaryDirectory(prefix="pellucid-") as folder:
        files = [_file(each, Path(folder), index) for index, each in enumerate(sources)]
        made = Path(output) if output is not None else Path(folder) / "made.ll"
        command = [compiler, "-S", "-emit-llvm", *(options or ()), "-o", str(made), *files]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"clang failed:\n{done.stderr}")
        return made.read_text("utf-8")


def _file(source: str, folder: Path, index: int) -> str:
    """A path as it is; code as a file."""
    if "\n" not in source and Path(source).is_file():
        return source
    file = folder / f"input{index}.cc"
    file.write_text(source, "utf-8")
    return str(file)
