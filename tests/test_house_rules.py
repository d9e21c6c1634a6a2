"""The house rules that no linter knows, each a test whose message gives the cure.

In: the source files of this repository, as text and as syntax trees. Nothing here needs the package
to work, except the two tests about what an import loads.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "pellucid"

FILE_CEILING = 800
FUNCTION_CEILING = 80

# Files and functions over a ceiling: the length they may have at most, and why. An entry may be
# lowered or removed; one that is no longer needed fails the test.
LONG_FILES: dict[str, tuple[int, str]] = {}
LONG_FUNCTIONS: dict[str, tuple[int, str]] = {}

# The only places that import a module by name while they run.
LAZY_DOORS = {
    "pellucid/__init__.py": "the top-level names, none of which is loaded before it is used",
    "pellucid/cli/__init__.py": "the choice of a command",
    "pellucid/compat/__init__.py": "`%load_ext pellucid.compat`, which installs the name tvm",
    "pellucid/compat/tvm/finder.py": "`import tvm…`, which loads our modules by their names",
    "pellucid/cli/modules.py": "the user's own module, named on the command line",
    "pellucid/ir/hooks.py": "the slots through which an earlier layer uses a later one",
    "pellucid/relax/__init__.py": "`relax.build` and other names that later packages provide",
}

# Parts of the package that need an extra as a whole: who imports them has it.
NEEDS_EXTRA = {
    "pellucid/testing/strategies/": "hypothesis",
    "pellucid/compat/documents/figure_backend.py": "matplotlib",
}

# The only places that may use a network, and when they do.
MAY_FETCH = {
    "pellucid/compat/documents/fetch.py": "`pellucid run-doc --download`, against a checksum",
}

TEST_FOLDERS = {
    "tiny", "unit", "script", "compat", "passes", "schedule", "ops", "codegen",
    "frontend", "errors", "fuzz", "issues", "docs", "seeds",
}  # fmt: skip

# What `import x` is called in pyproject.toml, where the two differ.
DISTRIBUTIONS = {
    "tvm_ffi": "apache-tvm-ffi",
    "lazy_loader": "lazy-loader",
    "sklearn": "scikit-learn",
    "IPython": "ipython",
    "PIL": "pillow",
    "markdown_it": "markdown-it-py",
}


class Source(NamedTuple):
    """One Python file: its path from the root, its text, its syntax tree, and every node of that
    with the dotted name of the function around it (empty outside of functions).
    """

    path: str
    text: str
    tree: ast.Module
    nodes: list[tuple[ast.AST, str]]


def nodes_of(tree: ast.Module) -> list[tuple[ast.AST, str]]:
    """Every node below `tree`, with the dotted name of the innermost function around it."""
    found: list[tuple[ast.AST, str]] = []
    # Node, the function around it, and the dotted name of the class or function around it.
    stack: list[tuple[ast.AST, str, str]] = [(tree, "", "")]
    while stack:
        node, function, outer = stack.pop()
        found.append((node, function))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            outer = f"{outer}.{node.name}" if outer else node.name
            if not isinstance(node, ast.ClassDef):
                function = outer
        stack.extend((child, function, outer) for child in ast.iter_child_nodes(node))
    return found


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """Every Python file below `folders`, parsed once."""
    found: list[Source] = []
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            text = file.read_text("utf-8")
            path = file.relative_to(ROOT).as_posix()
            tree = ast.parse(text, path)
            found.append(Source(path, text, tree, nodes_of(tree)))
    return tuple(found)


def package() -> tuple[Source, ...]:
    """The package's own files."""
    return sources("pellucid")


def everything() -> tuple[Source, ...]:
    """All Python files of the repository."""
    return sources("pellucid", "tests", "tools", "bench")


def complain(problems: list[str], rule: str, cure: str) -> None:
    """Fail with one line a problem, then the cure."""
    if problems:
        pytest.fail(f"{rule}\n  " + "\n  ".join(problems) + f"\ncure: {cure}", pytrace=False)


def functions(source: Source) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Each function with the name of the function around it, if any, and its own."""
    for node, around in source.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (f"{around}.{node.name}" if around else node.name), node


def imported(node: ast.AST) -> list[str]:
    """The modules that an import statement names; a relative one counts as `pellucid`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return ["pellucid" if node.level else node.module or ""]
    return []


def imports(source: Source) -> Iterator[tuple[int, str, str]]:
    """Line and module of every import, and the function that it stands in, if any."""
    for node, around in source.nodes:
        for name in imported(node):
            yield node.lineno, name, around


def called(node: ast.Call) -> str:
    """The last part of the name that is called: `c` of `a.b.c(…)`."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def top(name: str) -> str:
    """`a` of `a.b.c`."""
    return name.partition(".")[0]


def over_ceiling(
    lengths: dict[str, int], ceiling: int, exceptions: dict[str, tuple[int, str]]
) -> list[str]:
    """What is too long, has grown, or stands in the exceptions without need."""
    problems = [
        f"{name}: {length} lines, {exceptions.get(name, (ceiling, ''))[0]} allowed"
        for name, length in lengths.items()
        if length > exceptions.get(name, (ceiling, ""))[0]
    ]
    problems += [
        f"{name}: needs no exception any more; remove it"
        for name in exceptions
        if lengths.get(name, 0) <= ceiling
    ]
    problems += [f"{name}: no reason" for name, (_, reason) in exceptions.items() if not reason]
    return problems


def test_files_have_at_most_800_lines() -> None:
    lengths = {each.path: each.text.count("\n") for each in everything()}
    complain(
        over_ceiling(lengths, FILE_CEILING, LONG_FILES),
        "One idea, one file of 100 to 400 lines.",
        "split the file by idea; never make the lines denser",
    )


def test_functions_have_at_most_80_lines() -> None:
    lengths = {
        f"{each.path}::{name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for each in everything()
        for name, node in functions(each)
    }
    complain(
        over_ceiling(lengths, FUNCTION_CEILING, LONG_FUNCTIONS),
        "A function fits on a screen.",
        "give a step of it a name and a function of its own",
    )


def test_modules_say_what_comes_in_and_goes_out() -> None:
    complain(
        [each.path for each in everything() if not ast.get_docstring(each.tree)],
        "Every module has a docstring.",
        "say what comes in, what goes out, and which station is before and after",
    )


def test_no_package_import_inside_a_function() -> None:
    problems = [
        f"{each.path}:{line} imports {name} in {around}"
        for each in package()
        if each.path not in LAZY_DOORS
        for line, name, around in imports(each)
        if around and top(name) == "pellucid"
    ]
    problems += [
        f"{each.path}:{node.lineno} calls {name}"
        for each in package()
        if each.path not in LAZY_DOORS
        for node, _ in each.nodes
        if isinstance(node, ast.Call)
        for name in [called(node)]
        if name in {"__import__", "import_module"}
    ]
    complain(
        problems,
        "The layers are visible at the top of each file.",
        "import at the top; against a cycle, the later package fills a slot in ir/hooks.py",
    )


def test_nothing_inside_uses_the_lazy_names() -> None:
    """`from pellucid import build` inside would load the package through its own door."""
    parts = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    problems: list[str] = []
    for each in package():
        for node, _ in each.nodes:
            if isinstance(node, ast.Import) and "pellucid" in imported(node):
                problems.append(f"{each.path}:{node.lineno} import pellucid")
            if isinstance(node, ast.ImportFrom) and node.module == "pellucid":
                names = {alias.name for alias in node.names} - parts - {"__version__"}
                problems += [f"{each.path}:{node.lineno} from pellucid import {n}" for n in names]
    complain(
        problems,
        "The top-level names are for users.",
        "import the module that defines the name",
    )


def is_broad(handler: ast.ExceptHandler) -> bool:
    """Whether the handler catches every exception."""
    kinds = [handler.type] if not isinstance(handler.type, ast.Tuple) else handler.type.elts
    return any(
        kind is None or ast.unparse(kind) in {"Exception", "BaseException"} for kind in kinds
    )


def does_nothing(body: list[ast.stmt]) -> bool:
    """Whether the statements only pass over what happened."""
    return all(
        isinstance(each, ast.Pass | ast.Continue)
        or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        for each in body
    )


def test_no_error_is_swallowed() -> None:
    problems = [
        f"{each.path}:{node.lineno}"
        for each in everything()
        for node, _ in each.nodes
        if (isinstance(node, ast.ExceptHandler) and is_broad(node) and does_nothing(node.body))
        or (
            isinstance(node, ast.Call)
            and called(node) == "suppress"
            and any(ast.unparse(arg) in {"Exception", "BaseException"} for arg in node.args)
        )
    ]
    complain(
        problems,
        "No error is swallowed.",
        "catch the one exception that is expected here, and say what happens then",
    )


def test_the_environment_is_read_in_one_place() -> None:
    problems = [
        f"{each.path}:{node.lineno}"
        for each in package()
        if each.path != "pellucid/support/config.py"
        for node, _ in each.nodes
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"})
        or (isinstance(node, ast.alias) and node.name in {"environ", "environb", "getenv"})
    ]
    complain(problems, "The environment is read in support/config.py.", "add the variable there")


def test_nothing_unpickles() -> None:
    loaders = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
    problems = [
        f"{each.path}:{line} imports {name}"
        for each in package()
        for line, name, _ in imports(each)
        if top(name) in loaders
    ]
    problems += [
        f"{each.path}:{node.lineno} {node.arg}="
        for each in package()
        for node, _ in each.nodes
        if isinstance(node, ast.keyword)
        and isinstance(node.value, ast.Constant)
        and (node.arg, node.value.value) in {("allow_pickle", True), ("weights_only", False)}
    ]
    complain(
        problems, "No pickle is ever loaded.", "use safetensors, JSON, or a reader of arrays only"
    )


def test_no_network() -> None:
    network = {"socket", "ssl", "http", "urllib", "ftplib", "smtplib", "requests", "httpx",
               "aiohttp", "urllib3", "websockets", "xmlrpc", "socketserver"}  # fmt: skip
    problems = [
        f"{each.path}:{line} imports {name}"
        for each in everything()
        for line, name, around in imports(each)
        if top(name) in network and not (each.path in MAY_FETCH and around)
    ]
    complain(problems, "Nothing here talks to a network.", "read files that the user has")


def extra_of(path: str) -> str | None:
    """The module of an extra that the part of the package at `path` needs as a whole."""
    return next((name for part, name in NEEDS_EXTRA.items() if path.startswith(part)), None)


def test_dependencies_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[\[<>=~! ]", each)[0].lower() for each in requirements}

    required = names(project["dependencies"])
    extras = names([each for group in project["optional-dependencies"].values() for each in group])
    problems: list[str] = []
    for each in package():
        for line, module, around in imports(each):
            name = top(module)
            if name in sys.stdlib_module_names or name in {"pellucid", ""}:
                continue
            distribution = DISTRIBUTIONS.get(name, name).lower()
            if distribution in required:
                continue
            if distribution not in extras:
                problems.append(f"{each.path}:{line} {name} is not in pyproject.toml")
            elif not around and name != extra_of(each.path):
                problems.append(f"{each.path}:{line} {name} is only in an extra")
    complain(
        problems,
        "What is imported is declared; what an extra brings is imported where it is used.",
        "declare it in pyproject.toml, or import it inside the function that needs it",
    )


def test_test_files_stand_in_the_named_folders() -> None:
    at_the_root = {"conftest.py", "test_house_rules.py"}
    problems: list[str] = []
    for file in sorted((ROOT / "tests").rglob("*.py")):
        folder, *rest = file.relative_to(ROOT / "tests").parts
        if not rest and folder not in at_the_root:
            problems.append(f"tests/{folder}: not in a folder")
        if rest and folder not in TEST_FOLDERS:
            problems.append(f"tests/{folder}: unknown folder")
    complain(
        problems,
        f"Tests stand in folders by what they need: {', '.join(sorted(TEST_FOLDERS))}.",
        "move the file",
    )


def is_skip_without_reason(node: ast.AST) -> bool:
    """Whether `node` skips or expects a failure and does not say why."""
    if isinstance(node, ast.Call) and called(node) in {"skip", "skipif", "xfail"}:
        name = ast.unparse(node.func)
        if name == "pytest.skip":
            return not node.args and not node.keywords
        if name.startswith("pytest.mark."):
            return not any(each.arg == "reason" for each in node.keywords)
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        bare = {"pytest.mark.skip", "pytest.mark.xfail"}
        return any(ast.unparse(each) in bare for each in node.decorator_list)
    return False


def test_skips_have_reasons() -> None:
    problems = [
        f"{each.path}:{node.lineno}"
        for each in sources("tests")
        for node, _ in each.nodes
        if is_skip_without_reason(node)
    ]
    complain(problems, "A skip says why.", 'pass reason="..."')


def test_tests_use_the_real_thing() -> None:
    clocks = {"perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "process_time"}
    problems = [
        f"{each.path}:{line} imports {name}"
        for each in sources("tests")
        for line, name, _ in imports(each)
        if name in {"unittest.mock", "mock", "pytest_mock"}
    ]
    problems += [
        f"{each.path}:{node.lineno} reads a clock"
        for each in sources("tests")
        if Path(each.path).name.startswith("test_")
        for node, _ in each.nodes
        if isinstance(node, ast.Attribute) and node.attr in clocks
    ]
    complain(
        problems,
        "No mock where the real thing can be had; no clock decides a test.",
        "call the real thing; measure in bench/",
    )


def test_ignores_name_their_rule() -> None:
    bare = re.compile(r"#\s*(noqa(?!:)|type:\s*ignore|pyright:\s*(ignore(?!\[)|basic|standard))\b")
    problems = [
        f"{each.path}:{number} {line.strip()}"
        for each in everything()
        if each.path != "tests/test_house_rules.py"
        for number, line in enumerate(each.text.splitlines(), 1)
        if bare.search(line)
    ]
    complain(problems, "Each ignore names its rule.", "noqa: RULE, or pyright: ignore[rule]")


def test_comments_are_no_banners_and_no_notes_to_self() -> None:
    banner = re.compile(r"^\s*#\s*([-=#*_~─═]\s*){3,}")
    note = re.compile(r"#.*\b(TODO|FIXME|XXX|HACK)\b")
    problems = [
        f"{each.path}:{number} {line.strip()}"
        for each in everything()
        if each.path != "tests/test_house_rules.py"
        for number, line in enumerate(each.text.splitlines(), 1)
        if banner.search(line) or note.search(line)
    ]
    complain(problems, "Comments say why.", "do it now, or make it a file or function of its own")


def test_every_pass_has_its_own_file() -> None:
    """What `relax.transform.FuseTIR` is called stands in `relax/transform/fuse_tir.py`."""
    problems: list[str] = []
    for each in package():
        folder, _, name = each.path.rpartition("/")
        if not folder.endswith("/transform") or name != "__init__.py":
            continue
        for node, _ in each.nodes:
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            if not node.module.startswith(folder.replace("/", ".")):
                continue
            file = node.module.rpartition(".")[2]
            passes = [alias.name for alias in node.names if alias.name[0].isupper()]
            problems += [
                f"{folder}/{file}.py defines {each_pass}"
                for each_pass in passes
                if len(passes) > 1 or each_pass.lower() != file.replace("_", "")
            ]
    complain(problems, "One pass, one file, named after it.", "split or rename the file")


def test_changelog_has_an_unreleased_section() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    section = re.search(r"^## Unreleased\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert section, "CHANGELOG.md needs a section '## Unreleased'"
    assert re.search(r"^- ", section[1], re.MULTILINE), "say there what changed for users"


def test_architecture_lists_the_packages_on_disk() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    block = re.search(r"<!-- packages -->(.*?)<!-- /packages -->", text, re.DOTALL)
    assert block, "ARCHITECTURE.md needs its list between <!-- packages --> and <!-- /packages -->"
    listed = set(re.findall(r"^\| `(\w+)/` \|", block[1], re.MULTILINE))
    on_disk = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    complain(
        [f"{name}: on disk only" for name in sorted(on_disk - listed)]
        + [f"{name}: in the list only" for name in sorted(listed - on_disk)],
        "ARCHITECTURE.md lists the packages as they are.",
        "add or remove the row",
    )


def test_layers_name_every_package() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    layers = {layer.strip("()") for layer in contracts[0]["layers"]}
    on_disk = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    complain(
        sorted(on_disk - layers),
        "Every package has a layer.",
        "add it to the first contract of [tool.importlinter]",
    )


def test_ci_runs_lint_then_test() -> None:
    lines = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith("make ")] == ["make lint", "make test"]


def test_hooks_are_local() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    assert set(re.findall(r"^\s*- repo: (\S+)", text, re.MULTILINE)) == {"local"}


def texts() -> Iterator[tuple[str, str]]:
    """Path and text of every file that the repository holds."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if listing.returncode:
        names = [p.relative_to(ROOT).as_posix() for d in ("pellucid", "tests", "tools", "bench")
                 for p in (ROOT / d).rglob("*") if "__pycache__" not in p.parts]  # fmt: skip
    else:
        names = [name for name in listing.stdout.decode().split("\0") if name]
    for name in names:
        file = ROOT / name
        if file.is_file():
            data = file.read_bytes()
            if b"\0" not in data:
                yield name, data.decode("utf-8")


def test_the_project_speaks_of_itself_alone() -> None:
    hosts = ["py" + r"pi\.org", "python" + "hosted", "npm" + r"js\.", r"deb\." + "debian"]
    places = ["/" + "work/", "/" + "farm/", "/" + r"home/\w", "/" + "root/", "before-" + "stop"]
    people = [r"\bcl" + "aude", "anth" + "ropic", "chat" + "gpt", r"\bco" + r"pilot\b",
              r"\bassist" + r"ants?\b", 
              r"\b(this|last|next|earlier|previous) ses" + r"sions?\b"]  # fmt: skip
    forbidden = re.compile("|".join(hosts + places + people), re.IGNORECASE)
    problems = [
        f"{path}:{number} {found[0]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if (found := forbidden.search(line))
    ]
    complain(
        problems,
        "No registry host, no path of one machine, nothing about how the project is made.",
        "say it in the project's own terms, or leave it out",
    )


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has after `statement`."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_importing_the_runtime_loads_no_compiler() -> None:
    allowed = {"support", "runtime"}
    loaded = {name for name in loaded_by("import pellucid.runtime") if top(name) == "pellucid"}
    parts = {name.split(".")[1] for name in loaded if "." in name}
    assert parts <= allowed, f"cure: runtime may import only {sorted(allowed)}"


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = {"torch", "tvm_ffi", "llvmlite", "numpy", "matplotlib", "rich"}
    found = {top(name) for name in loaded_by("import pellucid")} & heavy
    assert not found, f"cure: keep {sorted(found)} behind the lazy names of pellucid/__init__.py"
