"""Saved executables: what is loaded is what was saved, and whatever is damaged is refused before
it runs.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from pellucid.runtime import artifact, registry
from pellucid.runtime.executable import Executable, load
from pellucid.runtime.kernel import TargetInfo, host_target
from pellucid.runtime.tensor import array, empty
from pellucid.runtime.vm import VirtualMachine
from pellucid.support import host
from pellucid.support.errors import ArtifactError
from tests.unit.runtime import handmade


@pytest.fixture(scope="module")
def executable() -> Executable:
    return handmade.make()


@pytest.fixture
def saved(executable: Executable, tmp_path: Path) -> Path:
    """A file with the executable."""
    path = tmp_path / "folder" / "model.plc"
    executable.export_library(path)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        load(path)
    return str(caught.value)


def rewrite(path: Path, **changes: Any) -> None:
    """Change fields of the manifest and make the hashes fit again."""
    data = path.read_bytes()
    head = struct.Struct("<8sIQ32s")
    magic, version, length, _ = head.unpack(data[: head.size])
    manifest = json.loads(data[head.size : head.size + length])
    record, sections = artifact.read(path)
    del record
    manifest.update(changes)
    contents = {name: bytes(section) for name, section in sections.items()}
    contents.update(changes.pop("contents", {}))
    manifest.pop("contents", None)
    del manifest["sections"], magic, version
    artifact.write(path, manifest, contents)


def test_what_is_loaded_is_what_was_saved(executable: Executable, saved: Path) -> None:
    loaded = load(saved)
    assert loaded.kernels == executable.kernels
    assert loaded.graphs == executable.graphs
    assert loaded.object_code == executable.object_code
    assert loaded.target == executable.target
    assert [each.numpy().tolist() for each in loaded.constants] == [3.0]
    registry.register_func("env.double", lambda a, out: out.copyfrom(a.numpy() * 2))
    for machine in (VirtualMachine(loaded), VirtualMachine(saved), VirtualMachine(str(saved))):
        assert machine["main"](np.zeros(2, np.float32)).numpy().tolist() == [6, 6]
    registry.remove_global_func("env.double")


def test_saving_is_deterministic_and_leaves_nothing_else(
    executable: Executable, saved: Path
) -> None:
    first = saved.read_bytes()
    executable.save(saved)
    assert saved.read_bytes() == first
    assert list(saved.parent.iterdir()) == [saved]


def test_constants_of_every_kind(executable: Executable, tmp_path: Path) -> None:
    constants = [
        array(np.arange(6).reshape(2, 3).astype(ml_dtypes.bfloat16)),
        array(np.zeros((0, 4), np.int8)),
        array(True),
        array(np.arange(3, dtype=np.float64)[::2]),
        empty((2,), "float32x4"),
    ]
    made = Executable(
        kernels={},
        graphs={},
        constants=constants,
        object_code=b"",
        target=executable.target,
    )
    made.save(tmp_path / "x")
    loaded = load(tmp_path / "x")
    for old, new in zip(constants, loaded.constants, strict=True):
        assert (new.dtype, new.shape, new.data_ptr % 64) == (old.dtype, old.shape, 0)
        assert new.numpy().tobytes() == old.numpy().tobytes()


def test_one_flipped_bit_anywhere_is_refused(saved: Path) -> None:
    data = saved.read_bytes()
    step = max(1, len(data) // 400)
    for position in [*range(120), *range(120, len(data), step), len(data) - 1]:
        damaged = bytearray(data)
        damaged[position] ^= 1 << (position % 8)
        saved.write_bytes(damaged)
        refusal(saved)


def test_every_truncation_is_refused(saved: Path) -> None:
    data = saved.read_bytes()
    for length in [*range(0, 60, 7), *range(60, len(data), len(data) // 60), len(data) - 1]:
        saved.write_bytes(data[:length])
        assert "truncated" in refusal(saved)


def test_bytes_after_the_end_are_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes() + b"\0")
    assert "has bytes after its end" in refusal(saved)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_bytes(b"\x80\x04a pickle")
    assert "is not an executable of Pellucid" in refusal(path)
    assert "cannot be read" in refusal(tmp_path / "missing")
    assert "cannot be read" in refusal(tmp_path)


def test_another_version_is_refused(saved: Path) -> None:
    data = bytearray(saved.read_bytes())
    data[8] = 9
    saved.write_bytes(data)
    text = refusal(saved)
    assert "has another format version" in text
    assert "found: 9" in text


def test_another_processor_is_refused(executable: Executable, saved: Path) -> None:
    target = host_target()
    better = (*target.features, "telepathy")
    for changed, words in (
        (dataclasses.replace(target, features=better), "which lacks telepathy"),
        (TargetInfo("llvm", "riscv64-unknown-linux-gnu", "x", ()), "another kind of machine"),
        (dataclasses.replace(target, triple=f"{host.architecture()}-pc-windows-msvc"), "kind of"),
    ):
        rewrite(saved, target=dataclasses.asdict(changed))
        assert words in refusal(saved)
        other = Executable(
            kernels=executable.kernels,
            graphs=executable.graphs,
            constants=executable.constants,
            object_code=executable.object_code,
            target=changed,
        )
        with pytest.raises(ArtifactError):
            VirtualMachine(other)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kernels": {}}, "expected: a list"),
        ({"kernels": [3]}, "A kernel of the manifest is not an object"),
        ({"graphs": [{}]}, "lacks the field"),
        ({"constants": []}, "needs constant 0, which is missing"),
        (
            {"constants": [{"dtype": "float32", "shape": [9, 9], "offset": 0}]},
            "outside its",
        ),
        ({"constants": [{"dtype": "float32", "shape": [-1], "offset": 0}]}, "a shape that is not"),
        (
            {"constants": [{"dtype": "quantum", "shape": [], "offset": 0}]},
            "a dtype that is not one",
        ),
        ({"target": None}, "A target of the manifest is not an object"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(
    saved: Path, changes: dict[str, Any], words: str
) -> None:
    rewrite(saved, **changes)
    assert words in refusal(saved)


def test_object_code_that_is_none_is_refused(executable: Executable) -> None:
    broken = Executable(
        kernels=executable.kernels,
        graphs=executable.graphs,
        constants=executable.constants,
        object_code=b"this is no object file",
        target=executable.target,
    )
    with pytest.raises(ArtifactError, match="could not be linked"):
        VirtualMachine(broken)


def test_missing_symbols_are_refused(executable: Executable) -> None:
    kernels = {
        "addc": dataclasses.replace(executable.kernels["addc"], symbol="__tvm_ffi_other"),
    }
    broken = Executable(
        kernels=kernels,
        graphs={},
        constants=[],
        object_code=executable.object_code,
        target=executable.target,
    )
    with pytest.raises(ArtifactError, match="could not be linked"):
        VirtualMachine(broken)


def test_hashes_are_of_what_is_stored(saved: Path) -> None:
    record, sections = artifact.read(saved)
    table: Any = record.get("sections")
    assert list(table) == ["object", "constants"]
    for name, section in sections.items():
        assert table[name]["sha256"] == hashlib.sha256(section).hexdigest()
