"""The hook of mkdocs that makes the pages which are not written as Markdown.

In: percent scripts below docs/, the Markdown files at the root, docstrings. Out: pages, while the
site is built: each script with what its cells print and draw, one page a package, the table of
schedule primitives, the home page in three languages, and the menu entries of what is generated.

`PELLUCID_DOCS_OUTPUTS` may name a folder with outputs that `run_tutorial.py` has written already;
without it the scripts are run here.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tools.docs import pages, reference  # noqa: E402
from tools.docs.cells import title  # noqa: E402

DOCS = ROOT / "docs"
LANGUAGES = ("ko", "zh")
# Files at the root of the repository that are pages of the site.
HOME = {"README.md": "index.md", "README.ko.md": "ko.md", "README.zh.md": "zh.md"}
ROOT_PAGES = {
    **HOME,
    "ARCHITECTURE.md": "explanation/architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
}


def scripts() -> list[Path]:
    """The percent scripts that are run: those in English, of which the others are translations."""
    return [
        file
        for folder in ("tutorials", "howto", "errors")
        for file in sorted((DOCS / folder).glob("*.py"))
    ]


def outputs_of(config: MkDocsConfig) -> dict[Path, list[dict[str, Any]]]:
    """What the cells of each script print and draw."""
    given = config.extra.get("outputs")
    if given:
        return read_outputs(Path(given))
    with tempfile.TemporaryDirectory() as folder:
        tool = ROOT / "tools" / "docs" / "run_tutorial.py"
        run = subprocess.run(
            [sys.executable, str(tool), folder, *map(str, scripts())],
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise PluginError(f"A cell of a script failed:\n{run.stderr}")
        return read_outputs(Path(folder))


def read_outputs(folder: Path) -> dict[Path, list[dict[str, Any]]]:
    """The records in `folder`, by script."""
    return {
        file: json.loads((folder / f"{file.stem}.json").read_text("utf-8"))["cells"]
        for file in scripts()
    }


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    generated: dict[str, str | bytes] = {}
    for script, records in outputs_of(config).items():
        add_script(generated, script, records)
        for language in LANGUAGES:
            translated = script.parent / language / script.name
            if translated.exists():
                add_script(generated, translated, records)
    for source, target in ROOT_PAGES.items():
        if (ROOT / source).exists():
            generated[target] = moved((ROOT / source).read_text("utf-8"), target)
    for package in reference.PACKAGES:
        generated[reference.page_name(package)] = reference.page(package)
    generated["reference/primitives.md"] = reference.primitives()
    generated["reference/importers.md"] = reference.importers()
    generated["errors/index.md"] = error_index()
    for uri, content in generated.items():
        files.append(File.generated(config, uri, content=content))
    return files


def add_script(
    generated: dict[str, str | bytes], script: Path, records: list[dict[str, Any]]
) -> None:
    """Add the page of a script, and its figures beside it."""
    text, figures = pages.page(script.read_text("utf-8"), records, script.stem)
    folder = script.parent.relative_to(DOCS).as_posix()
    note = f"\n\n[The script of this page]({script.name}) runs as it stands.\n"
    generated[f"{folder}/{script.stem}.md"] = text + note
    for name, image in figures.items():
        generated[f"{folder}/{name}"] = image


def moved(text: str, target: str) -> str:
    """A page from the root with its links as they are on the site."""
    up = "../" * target.count("/")

    def link(match: re.Match[str]) -> str:
        words, path = match[1], match[2]
        if path in ROOT_PAGES:
            return f"[{words}]({up}{ROOT_PAGES[path]})"
        if path.startswith("docs/"):
            page = path.removeprefix("docs/")
            return (
                f"[{words}]({up}{page.removesuffix('.py')}{'.md' if page.endswith('.py') else ''})"
            )
        # Other files are in the repository, and not on the site.
        return words

    return re.sub(r"\[([^\]\n]*)\]\((?!https?:|#)([^)\s]+)\)", link, text)


def error_index() -> str:
    """The list of error classes, each with the first sentence of its page."""
    lines = [
        "# Errors",
        "Every message has the same four parts: what went wrong, the *place*, what was *expected* "
        "and *found*, and a *cure*. Each class also inherits the fitting class of Python, so that "
        "`except ValueError` still catches what it should. Most are names of `pellucid`.",
        "| class | when |\n|---|---|",
    ]
    for script in sorted((DOCS / "errors").glob("*.py")):
        words = script.read_text("utf-8").split("\n#\n# ", 1)[1]
        first = " ".join(words.split("\n#\n")[0].replace("\n# ", " ").split())
        lines[-1] += f"\n| [{script.stem}]({script.stem}.md) | {first} |"
    return "\n\n".join(lines) + "\n"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the menu entries of what is generated; they are written as empty lists."""
    entries: dict[str, list[Any]] = {
        "Tutorials": menu("tutorials"),
        "How to": menu("howto"),
        "한국어": [{"README": "ko.md"}, *menu("tutorials/ko")],
        "中文": [{"README": "zh.md"}, *menu("tutorials/zh")],
        "Errors": ["errors/index.md", *menu("errors")],
        "Packages": [{each: reference.page_name(each)} for each in reference.PACKAGES],
    }
    config.nav = filled(config.nav or [], entries)
    return config


def menu(folder: str) -> list[dict[str, str]]:
    """The scripts in a folder, by title."""
    return [
        {title(file.read_text("utf-8")): f"{folder}/{file.stem}.md"}
        for file in sorted((DOCS / folder).glob("*.py"))
    ]


def filled(nav: list[Any], entries: dict[str, list[Any]]) -> list[Any]:
    """The menu with the empty lists filled."""
    found: list[Any] = []
    for each in nav:
        if isinstance(each, dict):
            ((name, value),) = each.items()
            if isinstance(value, list):
                value = filled(value, entries) if value else entries[name]
            each = {name: value}
        found.append(each)
    return found
