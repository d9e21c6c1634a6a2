"""Translations say the same: the code is the same, and nothing is left out."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tools.docs.cells import cells  # noqa: E402

TUTORIALS = ROOT / "docs" / "tutorials"
LANGUAGES = {"ko": r"[\uac00-\ud7af]", "zh": r"[\u4e00-\u9fff]"}
TRANSLATED = ("01", "02", "03", "04")
PAIRS = [
    (language, file)
    for language in LANGUAGES
    for file in sorted(TUTORIALS.glob("*.py"))
    if file.name.startswith(TRANSLATED)
]


@pytest.mark.parametrize(
    ("language", "file"), PAIRS, ids=lambda value: value if isinstance(value, str) else value.stem
)
def test_tutorials_have_the_same_cells_and_the_same_code(language: str, file: Path) -> None:
    translated = TUTORIALS / language / file.name
    ours = cells(file.read_text("utf-8"))
    theirs = cells(translated.read_text("utf-8"))
    assert [each.kind for each in ours] == [each.kind for each in theirs]
    for english, other in zip(ours, theirs, strict=True):
        if english.kind == "code":
            assert other.text == english.text
        else:
            assert re.search(LANGUAGES[language], other.text), other.text
            assert other.text.count("\n#") == english.text.count("\n#"), "the same headings"
            assert names(other.text) == names(english.text), "the same names in code quotes"


def names(text: str) -> set[str]:
    """What stands in code quotes."""
    return {" ".join(each.split()) for each in re.findall(r"`([^`]+)`", text)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_readmes_have_the_same_blocks_and_links(language: str) -> None:
    ours = (ROOT / "README.md").read_text("utf-8")
    theirs = (ROOT / f"README.{language}.md").read_text("utf-8")
    python = r"^```python\n.*?^```"
    assert re.findall(python, theirs, re.M | re.S) == re.findall(python, ours, re.M | re.S)
    heading = r"^#+ "
    assert len(re.findall(heading, theirs, re.M)) == len(re.findall(heading, ours, re.M))
    link = r"\]\(([^)]+)\)"
    other_readmes = {"README.md", "README.ko.md", "README.zh.md"}
    assert (
        set(re.findall(link, theirs)) - other_readmes == set(re.findall(link, ours)) - other_readmes
    )
    assert re.search(LANGUAGES[language], theirs)
