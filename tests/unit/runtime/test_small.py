"""Cache, timing, configuration, facts about the host, and what an import loads."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pellucid.runtime as runtime
from pellucid.runtime.cache import Cache
from pellucid.runtime.timing import BenchmarkResult, evaluator
from pellucid.support import config, host
from pellucid.support.errors import ConfigError, UnsupportedError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configured cache folder."""
    monkeypatch.setenv("PELLUCID_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("PELLUCID_CACHE", raising=False)
    return tmp_path / "cache"


def test_cache_keeps_bytes_under_keys(folder: Path) -> None:
    cache = Cache("objects")
    assert cache.get(b"key") is None
    cache.put(b"key", b"value")
    cache.put(b"other", b"")
    cache.put(b"key", b"new value")
    assert (cache.get(b"key"), cache.get(b"other")) == (b"new value", b"")
    assert cache.folder() == folder / "objects"
    assert len(cache.entries()) == 2
    assert cache.size() > 0
    assert cache.clear() == 2
    assert cache.get(b"key") is None


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_cache_is_private(folder: Path) -> None:
    Cache("objects").put(b"key", b"value")
    for each in (folder, folder / "objects"):
        assert stat.S_IMODE(each.stat().st_mode) == 0o700


def test_damaged_entries_count_as_none(folder: Path) -> None:
    cache = Cache("objects")
    cache.put(b"key", b"value")
    (entry,) = cache.entries()
    whole = entry.read_bytes()
    for damaged in (b"", whole[:5], whole[:-1], whole[:-1] + b"x", b"\xff" * 8 + whole[8:]):
        entry.write_bytes(damaged)
        assert cache.get(b"key") is None
    cache.put(b"key", b"value")
    assert cache.get(b"key") == b"value"
    assert folder.is_dir()


def test_cache_can_be_turned_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_CACHE", "0")
    Cache("objects").put(b"key", b"value")
    assert not folder.exists()
    assert Cache("objects").get(b"key") is None


def test_cache_in_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    cache = Cache("objects", blocked)
    cache.put(b"key", b"value")
    assert cache.get(b"key") is None


def test_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PELLUCID_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert config.cache_folder() == Path("/somewhere/pellucid")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert config.cache_folder() == Path.home() / ".cache" / "pellucid"
    monkeypatch.setenv("PELLUCID_CACHE_DIR", "~/mine")
    assert config.cache_folder() == Path.home() / "mine"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PELLUCID_NUM_THREADS", "0"),
        ("PELLUCID_NUM_THREADS", "two"),
        ("PELLUCID_DEBUG", "6"),
        ("PELLUCID_CACHE", "maybe"),
        ("PELLUCID_CACHE_DIR", "relative/folder"),
    ],
)
def test_wrong_values_of_variables(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    (variable,) = (each for each in config.VARIABLES if each.name == name)
    with pytest.raises(ConfigError) as caught:
        variable.get()
    assert str(caught.value) == (
        f"The environment variable {name} has a value that it cannot have.\n"
        f"  expected: {variable.takes}\n"
        f"  found: {value!r}\n"
        f"  cure: unset {name}, or give it {variable.takes}"
    )


def test_variables_have_defaults_and_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in config.VARIABLES:
        monkeypatch.setenv(each.name, "")
        assert each.get() == each.default
        assert each.doc
        assert each.takes
    monkeypatch.setenv("PELLUCID_NUM_THREADS", " 3 ")
    assert config.NUM_THREADS.get() == 3
    monkeypatch.setenv("PELLUCID_CACHE", "off")
    assert config.CACHE.get() is False


def test_only_one_file_reads_the_environment() -> None:
    root = Path(config.__file__).parents[1]
    readers = [
        path.relative_to(root).as_posix()
        for path in sorted(root.rglob("*.py"))
        if "os.environ" in path.read_text("utf-8") or "getenv" in path.read_text("utf-8")
    ]
    assert readers == ["support/config.py"]


def test_host() -> None:
    found = host.summary()
    assert found["isa"] in ("avx512", "avx2", "avx", "sse4", "sve", "neon", "scalar")
    assert 1 <= host.cores() <= (os.cpu_count() or 1)
    assert host.triple().startswith(host.architecture().replace("arm64", "aarch64"))
    assert all(size > 0 for size in host.cache_sizes().values())
    assert host.feature_string().count(",") >= len(host.features()) - 1


def test_threads_of_the_pool_come_from_the_environment() -> None:
    program = "from pellucid.runtime import pool; print(pool.num_threads())"
    environment = {**os.environ, "PELLUCID_NUM_THREADS": "3"}
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    )
    assert answer.stdout.strip() == "3"


def test_benchmark_results() -> None:
    result = BenchmarkResult([0.001, 0.003, 0.002])
    assert result.mean == pytest.approx(0.002)
    assert (result.median, result.min, result.max) == (0.002, 0.001, 0.003)
    assert result.std == pytest.approx(np.std([1, 2, 3]) / 1e3)
    assert str(result).splitlines()[0] == "Execution time summary:"
    assert "2.0000" in str(result)
    assert repr(result).startswith("BenchmarkResult(mean=0.002")


def test_evaluator_counts_its_calls() -> None:
    calls: list[tuple[int, ...]] = []
    result = evaluator(lambda *args: calls.append(args), number=4, repeat=3)(1, 2)
    assert calls == [(1, 2)] * 13
    assert len(result.results) == 3
    with pytest.raises(ConfigError, match="at least one call"):
        evaluator(print, number=0)
    with pytest.raises(UnsupportedError):
        evaluator(print, runtime.device("cuda"))


def test_evaluator_repeats_until_it_takes_long_enough() -> None:
    calls: list[int] = []
    result = evaluator(lambda: calls.append(1), number=1, repeat=2, min_repeat_ms=1)()
    assert len(calls) > 10
    assert len(result.results) == 2


def test_public_names_are_lazy() -> None:
    program = (
        "import sys, pellucid.runtime as r\n"
        "heavy = {'torch', 'tvm_ffi', 'llvmlite', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "for name in dir(r):\n"
        "    getattr(r, name)\n"
        "heavy = {'torch', 'tvm_ffi', 'llvmlite'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert callable(r.tensor) and callable(r.device)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
