"""Executables that are damaged or do not belong here, each with its exact message."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from pellucid.runtime import artifact
from pellucid.runtime.executable import Executable, load
from pellucid.runtime.kernel import host_target, target_to_json
from pellucid.runtime.plan import Const, GraphPlan, Literal, MakeTuple, Step
from pellucid.runtime.signature import Signature
from pellucid.support import host
from pellucid.support.errors import ArtifactError
from tests.unit.runtime import handmade


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "model.plc"
    handmade.make().save(path)
    return path


def says(path: Path, message: str) -> None:
    with pytest.raises(ArtifactError) as caught:
        load(path)
    assert str(caught.value) == message.replace("FILE", repr(str(path)))


def damage(path: Path, change: Callable[[bytearray], object]) -> int:
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)
    return len(data)


def test_a_flipped_bit_in_the_manifest(saved: Path) -> None:
    damage(saved, lambda data: data.__setitem__(60, data[60] ^ 1))
    says(
        saved,
        "The executable FILE is corrupt: the hash of its manifest is wrong.\n"
        "  cure: save or copy it again",
    )


def test_a_flipped_bit_in_the_constants(saved: Path) -> None:
    damage(saved, lambda data: data.__setitem__(-1, data[-1] ^ 1))
    says(
        saved,
        "The executable FILE is corrupt: the hash of its section 'constants' is wrong.\n"
        "  cure: save or copy it again",
    )


def test_a_truncated_file(saved: Path) -> None:
    size = len(saved.read_bytes())
    found = damage(saved, lambda data: data.__delitem__(slice(-5, None)))
    says(
        saved,
        "The executable FILE is truncated.\n"
        f"  expected: at least {size} bytes\n"
        f"  found: {found} bytes\n"
        "  cure: save or copy it again",
    )


def test_bytes_after_the_end(saved: Path) -> None:
    size = len(saved.read_bytes())
    damage(saved, lambda data: data.extend(b"more"))
    says(
        saved,
        "The executable FILE has bytes after its end.\n"
        f"  expected: {size} bytes\n"
        f"  found: {size + 4} bytes\n"
        "  cure: save it again",
    )


def test_another_version(saved: Path) -> None:
    damage(saved, lambda data: data.__setitem__(8, 7))
    says(
        saved,
        "The executable FILE has another format version.\n"
        "  expected: 1\n"
        "  found: 7\n"
        "  cure: build it again with this version of Pellucid",
    )


def test_another_kind_of_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.pkl"
    path.write_bytes(b"\x80\x04\x95 and so on")
    says(
        path,
        "The file FILE is not an executable of Pellucid.\n"
        "  expected: a file that begins with PELLUCID\n"
        r"  found: b'\x80\x04\x95 and '",
    )


def test_a_missing_file(tmp_path: Path) -> None:
    says(
        tmp_path / "none",
        "The executable FILE cannot be read.\n  found: No such file or directory",
    )


def retarget(path: Path, **changes: object) -> None:
    made = handmade.make()
    target = dataclasses.replace(host_target(), **changes)
    manifest: dict[str, object] = {
        "target": target_to_json(target),
        "kernels": [],
        "graphs": [],
        "constants": [],
    }
    artifact.write(path, manifest, {"object": made.object_code, "constants": b""})


def test_a_processor_that_can_do_less(saved: Path) -> None:
    retarget(saved, cpu="future9", features=(*host_target().features, "telepathy"))
    says(
        saved,
        "The executable was built for a processor that can do more than this one.\n"
        "  expected: the instruction sets of future9\n"
        f"  found: {host.cpu_name()}, which lacks telepathy\n"
        f'  cure: build it with target="llvm -mcpu={host.cpu_name()}"',
    )


def test_another_kind_of_machine(saved: Path) -> None:
    retarget(saved, triple="riscv64-unknown-linux-gnu")
    says(
        saved,
        "The executable was built for another kind of machine.\n"
        f"  expected: {host.triple()}\n"
        "  found: riscv64-unknown-linux-gnu\n"
        "  cure: build it on, or for, this machine",
    )


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((MakeTuple(0, (1,)),), "it is wrong: register 1 is read before it is written."),
        ((Literal(0, 1), Literal(0, 2)), "it is wrong: register 0 is written twice."),
        ((Const(0, 3),), "needs constant 3, which is missing."),
    ],
)
def test_unsound_plans(steps: tuple[Step, ...], message: str) -> None:
    plan = GraphPlan("main", Signature("main", ()), 3, steps, 0)
    with pytest.raises(ArtifactError) as caught:
        Executable(
            kernels={}, graphs={"main": plan}, constants=[], object_code=b"", target=host_target()
        )
    text = str(caught.value).replace("is wrong:", "it is wrong:")
    assert text == f"The plan of 'main' {message}"
