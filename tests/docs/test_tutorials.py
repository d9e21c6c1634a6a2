"""Every lesson runs, and the documentation is built from what they printed.

The percent scripts below docs/ (tutorials, how-to pages, error pages) run once, in one process; the
site is built from their outputs with all warnings as errors; a page of it is opened in a browser.
"""

from __future__ import annotations

import ast
import html
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SCRIPTS = [
    file
    for folder in ("tutorials", "howto", "errors")
    for file in sorted((DOCS / folder).glob("*.py"))
]
# The bars of the figure of tutorial 03.
BAR_COLOUR = (0x3B, 0x6E, 0xA5)


def run(
    *command: object, environment: dict[str, str] | None = None, seconds: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in the root of the repository, with more in its environment."""
    return subprocess.run(
        [str(each) for each in command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
        timeout=seconds,
    )


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the cells of every script printed and drew."""
    folder = tmp_path_factory.mktemp("outputs")
    run(sys.executable, "tools/docs/run_tutorial.py", folder, *SCRIPTS)
    return folder


@pytest.fixture(scope="module")
def site(outputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    built = run(
        *(sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder),
        environment={"PELLUCID_DOCS_OUTPUTS": str(outputs), "NO_MKDOCS_2_WARNING": "1"},
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_cell_runs(script: Path, outputs: Path) -> None:
    record = json.loads((outputs / f"{script.stem}.json").read_text("utf-8"))
    assert not record["error"], record["error"]


def test_lessons_come_out_as_they_say(outputs: Path) -> None:
    def printed(name: str) -> str:
        record = json.loads((outputs / f"{name}.json").read_text("utf-8"))
        return "".join(cell["text"] for cell in record["cells"])

    assert "the layer agrees with NumPy: True" in printed("00_the_compiler_in_500_lines")
    assert "WRONG" not in printed("00_the_compiler_in_500_lines")
    assert "right: 355 of 360" in printed("04_a_model_end_to_end")
    assert "the same as before: True" in printed("05_your_own_pass")
    assert "changes the result: CanonicalSubtract" in printed("09_tracing_a_wrong_result")


def test_the_compiler_in_500_lines_has_500_lines() -> None:
    text = (DOCS / "tutorials" / "00_the_compiler_in_500_lines.py").read_text("utf-8")
    assert len(text.splitlines()) <= 500
    assert "pellucid" not in {
        name.name.partition(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import)
        for name in node.names
    }


def test_the_site_holds_every_lesson_with_its_figures(site: Path) -> None:
    for script in SCRIPTS:
        page = site / script.parent.name / f"{script.stem}.html"
        assert page.exists(), page
        for figure in re.findall(r'<img [^>]*src="([^":]+\.png)"', page.read_text("utf-8")):
            assert (page.parent / figure).exists(), figure
    assert 'src="03_scheduling_a_matmul_1.png"' in (
        (site / "tutorials" / "03_scheduling_a_matmul.html").read_text("utf-8")
    )


def test_pages_need_no_network(site: Path) -> None:
    for page in ("index.html", "tutorials/03_scheduling_a_matmul.html", "errors/ParseError.html"):
        text = (site / page).read_text("utf-8")
        loaded = re.findall(r'<(?:script|img|iframe)[^>]* src="(https?:[^"]*)"', text)
        loaded += re.findall(r'<link[^>]*rel="stylesheet"[^>]*href="(https?:[^"]*)"', text)
        loaded += re.findall(r'<link[^>]*href="(https?:[^"]*)"[^>]*rel="stylesheet"', text)
        assert not loaded


def error_classes() -> dict[str, str]:
    """Every class of the package that derives from one of `support/errors.py`: name → file."""
    found = {
        node.name: (file.relative_to(ROOT).as_posix(), {ast.unparse(base) for base in node.bases})
        for file in (ROOT / "pellucid").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    known = {"PellucidError", "InternalError", "PellucidDeprecationWarning"}
    while more := {name for name, (_, bases) in found.items() if bases & known} - known:
        known |= more
    return {name: found[name][0] for name in known}


def test_every_public_error_class_has_a_page() -> None:
    """Public is what stands in `support/errors.py`, and what a package offers by name."""
    classes = error_classes()
    offered = "\n".join(
        file.read_text("utf-8") for file in (ROOT / "pellucid").rglob("__init__.py*")
    )
    public = {
        name
        for name, file in classes.items()
        if file.endswith("support/errors.py") or re.search(rf"\b{name}\b", offered)
    }
    pages = {file.stem for file in (DOCS / "errors").glob("*.py")}
    missing = sorted(public - pages)
    assert not missing, "write docs/errors/<Class>.py: when, an example that runs, a cure"
    assert pages <= set(classes), "a page is about a class that is not there"


@pytest.mark.parametrize("file", sorted((DOCS / "errors").glob("*.py")), ids=lambda file: file.stem)
def test_an_error_page_shows_its_error(file: Path, outputs: Path) -> None:
    record = json.loads((outputs / f"{file.stem}.json").read_text("utf-8"))
    printed = "".join(cell["text"] for cell in record["cells"])
    assert printed.strip(), "the example prints no message"
    text = file.read_text("utf-8")
    code = text.partition("# %%\n")[2]
    assert file.stem in code + printed, "the example is about this class"
    assert "**Cure:**" in text or file.stem in ("PellucidError", "InternalError")


def chromium() -> str:
    """The browser, or a skip with the reason."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("no chromium here; Debian's package has it, and .ci/run installs it as root")
    return found


def browse(page: Path, scratch: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Open a page from the disk in a browser without a window or a network."""
    return run(
        chromium(),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={scratch / 'profile'}",
        *options,
        page.as_uri(),
        seconds=300,
    )


def test_a_browser_loads_the_figure_of_tutorial_03(site: Path, tmp_path: Path) -> None:
    page = site / "tutorials" / "03_scheduling_a_matmul.html"
    asked = page.with_name("asked.html")
    # The page as it is, with a question at its end.
    question = """<script>addEventListener("load", () => { document.title = JSON.stringify(
        [...document.images].map(i => [i.getAttribute("src"), i.complete, i.naturalWidth])) })
    </script></body>"""
    asked.write_text(page.read_text("utf-8").replace("</body>", question), "utf-8")
    found = browse(asked, tmp_path, "--virtual-time-budget=5000", "--dump-dom")
    title = re.search(r"<title>(.*?)</title>", found.stdout, re.DOTALL)
    assert title is not None, found.stderr
    images = json.loads(html.unescape(title[1]))
    (figure,) = [each for each in images if each[0] == "03_scheduling_a_matmul_1.png"]
    assert figure[1] is True
    assert figure[2] > 300


def test_a_browser_paints_the_figure_of_tutorial_03(site: Path, tmp_path: Path) -> None:
    from matplotlib import image

    page = site / "tutorials" / "03_scheduling_a_matmul.html"
    shot = tmp_path / "shot.png"
    run_of = browse(page, tmp_path, f"--screenshot={shot}", "--window-size=1200,16000")
    assert shot.exists(), run_of.stderr
    pixels = np.asarray(image.imread(shot))[..., :3]
    bars = np.abs(pixels - np.array(BAR_COLOUR) / 255).max(axis=2) < 0.02
    assert bars.sum() > 5000, "the bars of the figure are on the picture of the page"
