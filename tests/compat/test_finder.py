"""The finder: whose `tvm` is imported, what is not there, and the ways of switching it on."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import types
import warnings
from pathlib import Path

import pytest

import pellucid
import pellucid.compat.tvm
from pellucid.compat.tvm.table import names
from pellucid.support.errors import UnsupportedError

ROOT = Path(__file__).resolve().parents[2]


def run(code: str, *, folder: Path, **variables: str) -> str:
    """What a program prints, in a process of its own that runs in `folder`."""
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", **variables}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=False, cwd=folder, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder on the path with another package `tvm`."""
    (tmp_path / "tvm").mkdir()
    (tmp_path / "tvm" / "__init__.py").write_text("whose = 'theirs'\n")
    (tmp_path / "tvm" / "relax.py").write_text("whose = 'theirs'\n")
    return tmp_path


# Whose it is.


def test_pellucid_alone_leaves_the_name_alone(tmp_path: Path) -> None:
    code = "import sys, pellucid; pellucid.relax.Var; pellucid.build; print('tvm' in sys.modules)"
    assert run(code, folder=tmp_path) == "False"


def test_an_installed_tvm_keeps_its_name(installed: Path) -> None:
    code = """
import warnings
with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    import pellucid.compat.tvm
import tvm, tvm.relax
print(tvm.whose, tvm.relax.whose, len(found), "install(shadow=True)" in str(found[0].message))
"""
    assert run(code, folder=installed) == "theirs theirs 1 True"


def test_one_that_appears_later_keeps_its_name_too(installed: Path) -> None:
    code = f"""
import sys
sys.path.remove({str(installed)!r})
sys.path.remove("")
import pellucid.compat.tvm
sys.path.insert(0, {str(installed)!r})
import tvm
print(tvm.whose)
"""
    assert run(code, folder=installed) == "theirs"


def test_shadowing_when_told_to(installed: Path) -> None:
    code = """
import sys, warnings
warnings.simplefilter("error")
{0}
import tvm, tvm.relax, pellucid
print(tvm.relax.Var is pellucid.relax.Var)
"""
    shadow = "import pellucid.compat.tvm"
    told = code.format(shadow)
    assert run(told, folder=installed, PELLUCID_COMPAT_TVM="shadow") == "True"
    by_call = (
        "warnings.simplefilter('ignore'); import pellucid.compat.tvm as c; c.install(shadow=True)"
    )
    assert run(code.format(by_call), folder=installed) == "True"


def test_an_imported_tvm_is_not_replaced(installed: Path) -> None:
    code = """
import tvm, warnings
warnings.simplefilter("ignore")
import pellucid.compat.tvm
try:
    pellucid.compat.tvm.install(shadow=True)
except ImportError as error:
    print(str(error).splitlines()[0].partition(",")[0])
print(tvm.whose)
"""
    assert run(code, folder=installed) == "Another `tvm` was imported already\ntheirs"


def test_uninstall(tmp_path: Path) -> None:
    code = """
import pellucid.compat.tvm, tvm.relax, sys
pellucid.compat.tvm.uninstall()
print([each for each in sys.modules if each.startswith("tvm.") or each == "tvm"])
try:
    import tvm
except ModuleNotFoundError as error:
    print(error)
"""
    assert run(code, folder=tmp_path) == "[]\nNo module named 'tvm'"


# Ways of switching it on.


def test_ipython_extension(tmp_path: Path) -> None:
    pytest.importorskip("IPython")
    code = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "pellucid.compat")
import tvm
print(tvm.relax.Var.__module__)
"""
    assert run(code, folder=tmp_path, HOME=str(tmp_path)) == "pellucid.relax.expr"


# What the paths are.


def test_paths_are_our_own_modules() -> None:
    for path, ours in (
        ("tvm.relax.expr", "pellucid.relax.expr"),
        ("tvm.ir.module", "pellucid.ir.module"),
        ("tvm.tir.stmt_functor", "pellucid.tir.stmt_functor"),
        ("tvm.relax.transform.fuse_tir", "pellucid.relax.transform.fuse_tir"),
    ):
        module = importlib.import_module(path)
        assert module is importlib.import_module(ours)
        assert module.__spec__ is not None
        assert module.__spec__.name == ours


def test_every_path_and_name_of_the_table_is_there() -> None:
    table = names()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for path in table.modules:
            module = importlib.import_module(path)
            for name in [*table.own_names(path), *dir(module)]:
                assert hasattr(module, name), f"{path}.{name}"
    for path in table.same:
        assert path in table.modules, path
    for path in [*table.names, *table.old, *table.fallback, *table.absent_names]:
        assert path in table.modules, path


def test_unknown_names_are_met_with_close_ones() -> None:
    tvm = importlib.import_module("tvm")
    with pytest.raises(
        AttributeError, match=r"tvm\.relax has no 'Funktion'\. Did you mean 'Function'"
    ):
        _ = tvm.relax.Funktion
    with pytest.raises(ImportError, match=r"tvm\.tir has no 'Schedul'\. Did you mean 'Schedule'"):
        from tvm.tir import Schedul  # noqa: F401
    with pytest.raises(
        ImportError, match=r"tvm\.relax has no 'transfrom'\. Did you mean 'transform'"
    ):
        import tvm.relax.transfrom
    assert not hasattr(tvm.relax, "Funktion")


def test_what_is_absent_says_so_at_use() -> None:
    from tvm import relay
    from tvm.contrib import cc
    from tvm.relay import testing
    from tvm.relay.op.nn import conv2d

    assert not isinstance(1, relay.Function)
    for use in (
        lambda: relay.build(None),
        lambda: conv2d(1, 2),
        lambda: testing.resnet.get_workload(),
        lambda: cc.create_shared("a.so", "a.o"),
        lambda: relay.Var["x"],
        lambda: types.new_class("Sub", (relay.ExprMutator,)),
    ):
        with pytest.raises(UnsupportedError, match=r"is not part of Pellucid"):
            use()
    with pytest.raises(UnsupportedError) as caught:
        relay.build(None)
    assert caught.value.cure is not None
    assert "relax.BlockBuilder" in caught.value.cure


def test_version() -> None:
    tvm = importlib.import_module("tvm")
    assert tvm.__version__.startswith("0.21.0+pellucid.")
    assert pellucid.__version__ in tvm.__version__
