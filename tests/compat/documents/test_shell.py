"""Shell lines are answered from the data folder; a download needs a permission and a checksum."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pellucid.compat.documents import DocumentError
from pellucid.compat.documents.shell import Shell
from pellucid.support.errors import ArtifactError


@pytest.fixture
def data(tmp_path) -> Path:
    folder = tmp_path / "data"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "weights.pkl").write_bytes(b"12345")
    return folder


@pytest.fixture(autouse=True)
def working_folder(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def answered(command: str, data: Path | None, download: bool = False) -> list[str]:
    said: list[str] = []
    Shell(data, download, said.append)(command)
    return said


@pytest.mark.parametrize(
    ("command", "file"),
    [
        ("wget https://example.org/models/weights.pkl", "weights.pkl"),
        ("wget -nc -q https://example.org/weights.pkl?raw=true", "weights.pkl"),
        ("wget -O here/w.pkl https://example.org/weights.pkl", "here/w.pkl"),
        ("wget https://example.org/weights.pkl -O w.pkl", "w.pkl"),
        ("curl -L -o w.pkl https://example.org/weights.pkl", "w.pkl"),
        ("curl -L -O https://example.org/weights.pkl", "weights.pkl"),
        ("wget -P sub --output-document=w.pkl https://example.org/weights.pkl", "sub/w.pkl"),
        ("wget -P sub https://example.org/weights.pkl", "sub/weights.pkl"),
        ("wget -t 3 'https://example.org/weights.pkl' # words", "weights.pkl"),
    ],
)
def test_downloads_come_from_the_data_folder(command, file, data) -> None:
    assert answered(command, data) == [f"{file}: 5 bytes from {data / 'inner'}"]
    assert Path(file).read_bytes() == b"12345"
    assert answered(command, data) == [f"{file} is here already"]


def test_packages_are_looked_up() -> None:
    said = answered(
        "python3 -m  pip install mlc-ai-nightly numpy>=1 no_such_thing -f https://mlc.ai/wheels",
        None,
    )
    assert said[0] == "mlc-ai-nightly: stood in for by pellucid.compat.tvm"
    assert said[1].startswith("numpy: installed, ")
    assert said[2] == "no_such_thing: not installed, and not fetched"
    assert len(said) == 3
    assert answered("pip list", None) == ["not run: pip list (packages are only looked up)"]


def test_other_commands_are_named_and_left(working_folder) -> None:
    said = answered("rm -rf .", None)
    assert said == ["not run: rm -rf . (only downloads and pip are answered here)"]
    assert working_folder.is_dir()
    assert answered("", None) == []


def test_a_permitted_download_is_checked(tmp_path, data) -> None:
    remote = tmp_path / "remote.bin"
    remote.write_bytes(b"abc")
    sums = data / "SHA256SUMS"
    sums.write_text(f"{hashlib.sha256(b'abc').hexdigest()}  remote.bin\n")
    said = answered(f"wget {remote.as_uri()}", data, download=True)
    assert said == [f"remote.bin: 3 bytes from {data}"]
    assert (data / "remote.bin").read_bytes() == b"abc"


def test_a_download_that_does_not_match_is_thrown_away(tmp_path, data) -> None:
    remote = tmp_path / "remote.bin"
    remote.write_bytes(b"abc")
    (data / "SHA256SUMS").write_text(f"{'0' * 64} *remote.bin\n")
    with pytest.raises(ArtifactError, match=r"is not the file that is known as remote\.bin"):
        answered(f"wget {remote.as_uri()}", data, download=True)
    assert not (data / "remote.bin").exists()
    assert not Path("remote.bin").exists()


def test_a_download_without_a_checksum_is_refused(tmp_path, data) -> None:
    remote = tmp_path / "remote.bin"
    remote.write_bytes(b"abc")
    with pytest.raises(DocumentError, match="nobody has said what it has to be"):
        answered(f"wget {remote.as_uri()}", data, download=True)


def test_what_cannot_be_fetched(tmp_path, data) -> None:
    (data / "SHA256SUMS").write_text(f"{'0' * 64}  missing.bin\n")
    with pytest.raises(DocumentError, match="cannot be fetched"):
        answered(f"wget {(tmp_path / 'missing.bin').as_uri()}", data, download=True)
