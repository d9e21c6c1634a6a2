"""Targets: spelling, facts, errors."""

from __future__ import annotations

import copy
import pickle
import threading

import pytest

from pellucid.codegen.llvm.compile import compile_module
from pellucid.support import host
from pellucid.support.errors import PellucidError, TargetError, UnsupportedError
from pellucid.target import Target
from pellucid.target.cpu_table import GROUPS

ARM = "llvm -mtriple=aarch64-linux-gnu -mcpu=neoverse-n1"


def test_the_plain_target_is_this_machine() -> None:
    target = Target("llvm")
    assert target.is_host
    assert (target.kind, target.device_type) == ("llvm", "cpu")
    assert (target.cpu, target.triple) == (host.cpu_name(), host.triple())
    assert target.num_cores == host.cores()
    assert host.features() <= target.features
    assert str(target) == "llvm"


@pytest.mark.parametrize(
    "spelling",
    [
        "llvm -mcpu=skylake-avx512 -num-cores=2",
        "llvm -mcpu=skylake-avx512 -num-cores 2",
        "llvm --num-cores=2 --mcpu skylake-avx512",
        "llvm -keys=cpu -mcpu=skylake-avx512 -num-cores=2",
        {"kind": "llvm", "mcpu": "skylake-avx512", "num-cores": 2},
        {"kind": "llvm", "mcpu": "skylake-avx512", "num-cores": "2", "keys": ["cpu"]},
    ],
)
def test_all_spellings_give_the_same_target(spelling: str | dict[str, object]) -> None:
    target = Target(spelling)
    assert target == Target("llvm -mcpu=skylake-avx512 -num-cores=2")
    assert hash(target) == hash(Target("llvm -mcpu=skylake-avx512 -num-cores=2"))
    assert str(target) == "llvm -mcpu=skylake-avx512 -num-cores=2"
    assert repr(target) == 'Target("llvm -mcpu=skylake-avx512 -num-cores=2")'
    assert Target(str(target)) == target == Target(target)
    assert target.num_cores == 2
    assert dict(target.attrs) == {"mcpu": "skylake-avx512", "num-cores": 2}


@pytest.mark.parametrize(
    ("description", "isa", "width", "registers", "fma"),
    [
        ("llvm -mtriple=x86_64-linux-gnu", None, None, None, None),
        ("llvm -mtriple=x86_64-linux-gnu -mcpu=x86-64", "sse2", 16, 16, False),
        ("llvm -mtriple=x86_64-linux-gnu -mcpu=nehalem", "sse2", 16, 16, False),
        ("llvm -mtriple=x86_64-linux-gnu -mcpu=haswell", "avx2", 32, 16, True),
        ("llvm -mtriple=x86_64-linux-gnu -mcpu=znver4", "avx512", 64, 32, True),
        ("llvm -mtriple=x86_64-linux-gnu -mcpu=knl", "avx2", 32, 16, True),
        ("llvm -mtriple=x86_64-linux-gnu -mcpu=znver4 -mattr=-avx512f", "avx2", 32, 16, True),
        ("llvm -mtriple=x86_64-linux-gnu -mcpu=znver4 -mattr=-avx", "sse2", 16, 16, False),
        ("llvm -mtriple=x86_64-linux-gnu -mcpu=x86-64 -mattr=+avx2,+fma", "avx2", 32, 16, True),
        ("llvm -mtriple=x86_64-linux-gnu -mcpu=znver4 -vector-width=256", "avx512", 32, 32, True),
        (ARM, "neon", 16, 32, True),
        ("llvm -mtriple=aarch64-linux-gnu", "neon", 16, 32, True),
    ],
)
def test_instruction_sets(
    description: str, isa: str | None, width: int, registers: int, fma: bool
) -> None:
    target = Target(description)
    if isa is None:
        assert target.arch == "x86_64"
        return
    assert (target.isa, target.vector_bytes, target.registers) == (isa, width, registers)
    assert target.has_fma is fma
    assert target.lanes(32) == width // 4


def test_facts_of_a_named_processor_do_not_depend_on_this_machine() -> None:
    target = Target("llvm -mtriple=x86_64-linux-gnu -mcpu=znver4 -l2-size=1048576")
    assert not target.is_host
    assert target.num_cores == 1
    assert target.has("avx512bf16")
    assert not target.has("amx-bf16")
    assert target.l2_bytes == 1 << 20
    assert target.feature_string == ""


def test_the_table_agrees_with_the_assembler() -> None:
    text = "define <16 x float> @f(<16 x float> %a) {\n  %r = fadd <16 x float> %a, %a\n"
    text += "  ret <16 x float> %r\n}"
    registers = {"avx512": "%zmm0", "avx2": "%ymm0", "sse2": "%xmm0"}
    for _, names in GROUPS["x86_64"]:
        target = Target(f"llvm -mtriple=x86_64-linux-gnu -mcpu={names.split()[0]}")
        if (target.isa == "sse2" and target.has("avx")) or "knl" in names:
            continue
        assert registers[target.isa] in compile_module(text, target).assembly, names


def test_pinned_spells_this_machine_out() -> None:
    pinned = Target("llvm").pinned()
    assert pinned.attrs["mcpu"] == host.cpu_name()
    assert pinned.attrs["mtriple"] == host.triple()
    assert pinned.attrs["num-cores"] == host.cores()
    assert pinned.pinned() == pinned
    assert Target(ARM).pinned().cpu == "neoverse-n1"


def test_targets_are_values() -> None:
    target = Target("llvm -mcpu=haswell -mtriple=x86_64-linux-gnu")
    assert pickle.loads(pickle.dumps(target)) == target == copy.deepcopy(target)
    assert target != Target("llvm")
    assert target != "llvm"
    with pytest.raises(AttributeError, match="immutable"):
        target.kind = "c"
    with pytest.raises(TypeError):
        target.attrs["mcpu"] = "znver4"  # pyright: ignore[reportIndexIssue]


def test_the_current_target() -> None:
    outer, inner = Target("llvm -num-cores=3"), Target(ARM)
    assert Target.current() is None
    assert Target.current(allow_none=False) == Target("llvm")
    seen: list[Target | None] = []
    with outer as entered:
        assert entered is outer
        with inner:
            assert Target.current() is inner
            thread = threading.Thread(target=lambda: seen.append(Target.current()))
            thread.start()
            thread.join()
        assert Target.current() is outer
    assert Target.current() is None
    assert seen == [None]


WRONG: list[tuple[object, type[PellucidError], str]] = [
    (
        "llvm -mcpu=zenver4 -mtriple=x86_64-linux-gnu",
        TargetError,
        "There is no x86_64 processor named 'zenver4'.\n"
        "  expected: a processor name of LLVM, such as 'znver4' or 'x86-64-v3'\n"
        "  cure: did you mean 'znver4' or 'znver5' or 'znver3'?",
    ),
    (
        "llvm -mtriple=riscv64-linux-gnu",
        TargetError,
        "There is no code generation for the architecture 'riscv64'.\n"
        "  expected: a triple that begins with x86_64 or aarch64\n"
        "  found: 'riscv64-linux-gnu'",
    ),
    (
        "llvm -mattr=+avx3 -mtriple=x86_64-linux-gnu -mcpu=znver4",
        TargetError,
        "There is no x86_64 feature named 'avx3'.\n  cure: did you mean 'avx' or 'avx2'?",
    ),
    (
        "llvm -mattr=avx2",
        TargetError,
        "The target option 'mattr' has a value that it cannot have.\n"
        "  expected: features with + or - in front, such as +avx2,-avx512f\n  found: 'avx2'",
    ),
    (
        "llvm -num-core=2",
        TargetError,
        "The target kind 'llvm' has no option 'num-core'.\n"
        "  expected: one of device, keys, l1-size, l2-size, l3-size, mattr, mcpu, mtriple, "
        "num-cores, vector-width\n  cure: did you mean 'num-cores'?",
    ),
    (
        "llvm -num-cores=two",
        TargetError,
        "The target option 'num-cores' has a value that it cannot have.\n"
        "  expected: a whole number above 0\n  found: 'two'",
    ),
    (
        "llvm -vector-width=100",
        TargetError,
        "The target option 'vector-width' has a value that it cannot have.\n"
        "  expected: 128, 256 or 512 (bits)\n  found: 100",
    ),
    (
        "llvm -mcpu",
        TargetError,
        "The target option 'mcpu' has no value.\n  expected: -mcpu=<value>",
    ),
    (
        "llvm -num-cores=1 -num-cores=2",
        TargetError,
        "The target option 'num-cores' is given twice.\n  found: 'llvm -num-cores=1 -num-cores=2'",
    ),
    (
        "llvm znver4",
        TargetError,
        "The target description 'llvm znver4' has a word that belongs to no option.\n"
        "  expected: options such as -mcpu=znver4 or -num-cores 2\n  found: 'znver4'",
    ),
    (
        "-mcpu=znver4",
        TargetError,
        "A target description begins with its kind.\n"
        "  expected: such as 'llvm -mcpu=znver4'\n  found: '-mcpu=znver4'",
    ),
    (
        {"mcpu": "znver4"},
        TargetError,
        "A target given as a dict needs its kind.\n"
        '  expected: an entry "kind" such as "llvm"\n  found: the entries [\'mcpu\']',
    ),
    (
        "lvm",
        TargetError,
        "There is no target kind 'lvm'.\n"
        "  expected: 'llvm', with options such as -mcpu=znver4\n  cure: did you mean 'llvm'?",
    ),
    (
        "cuda",
        UnsupportedError,
        "The code generator for the target kind 'cuda' is not built.\n"
        "  expected: a target of the kind 'llvm'\n  found: 'cuda'\n"
        '  cure: use Target("llvm"), which runs on the processor',
    ),
    (
        "llvm -device=gpu",
        TargetError,
        "The target option 'device' has a value that it cannot have.\n"
        "  expected: 'cpu', the only device of the kind 'llvm'\n  found: 'gpu'",
    ),
]


@pytest.mark.parametrize(("description", "kind", "message"), WRONG)
def test_wrong_descriptions(description: str, kind: type[PellucidError], message: str) -> None:
    with pytest.raises(kind) as caught:
        Target(description)
    assert str(caught.value) == message


def test_the_kind_is_a_name_and_has_one() -> None:
    assert Target("llvm").kind == "llvm"
    assert Target("llvm").kind.name == "llvm"
