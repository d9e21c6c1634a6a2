"""The command line: help, exit codes, JSON, and errors that name a cure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pellucid.cli import COMMANDS, LATER, main
from pellucid.runtime.cache import Cache


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name}" in out for name in COMMANDS)


def test_no_command_is_a_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage:" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("pellucid 0.")


def test_misspelt_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dmo"]) == 2
    err = capsys.readouterr().err
    assert err == "error: there is no command 'dmo'\n  cure: did you mean 'demo'?\n"


@pytest.mark.parametrize("name", LATER)
def test_commands_of_later_versions_say_so(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name]) == 2
    assert f"does not have the command '{name}' yet" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"examples:\n  pellucid {name}" in out
    assert "--json" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_unknown_option_is_a_misuse(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--no-such-option"]) == 2
    assert "usage:" in capsys.readouterr().err


def test_cache_is_shown_and_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PELLUCID_CACHE_DIR", str(tmp_path))
    entries = Cache("objects")
    entries.put(b"key", b"value")
    other = tmp_path / "objects" / "not-ours.txt"
    other.write_text("kept")

    assert main(["cache", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == {
        "folder": str(tmp_path),
        "entries": 1,
        "bytes": entries.size(),
        "cleared": False,
    }

    assert main(["cache", "--clear"]) == 0
    assert "cleared 1 entries" in capsys.readouterr().out
    assert entries.entries() == []
    assert other.exists()


def test_show_without_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "no-such-file.py"]) == 2
    assert capsys.readouterr().err == "error: there is no file no-such-file.py\n"


def test_errors_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "no-such-file.py", "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error == {"kind": "FileNotFoundError", "message": "there is no file no-such-file.py"}
