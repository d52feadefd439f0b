"""The house rules that a reader relies on: who imports whom, and how large a room may be."""

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("helpers", "course", "preflight")

# Each room and what it may import of the project, itself excepted; `*` stands for a whole package.
MAY_IMPORT = {
    "helpers": [],
    "helpers.display": [],
    "helpers.webapp": [],
    "helpers.machine": [],
    "helpers.events": ["helpers.display"],
    "helpers.oidc": ["helpers.display"],
    "helpers.provider": ["helpers.oidc", "helpers.events", "helpers.display", "helpers.webapp"],
    "helpers.index": ["helpers.oidc", "helpers.events", "helpers.display", "helpers.webapp"],
    "helpers.signing": ["helpers.oidc", "helpers.events", "helpers.display", "helpers.webapp"],
    "helpers.lab": ["helpers.*"],
    "helpers.__main__": ["helpers.*", "course.*", "preflight.*"],
    "course": ["helpers.*"],
    "preflight": [  # the last two are what publishers themselves import
        "helpers.provider.jobs",
        "helpers.index.publishers",
        "helpers.index.claim_checks",
        "helpers.display",
    ],
}

BUDGETS = {
    "helpers": 4000,
    "helpers: signing and attestations": 600,
    "course: exercises": 2900,
    "course: figures": 1600,
    "course: tools": 2300,
    "preflight": 2900,
}
# Lines by which a room is larger than planned; a room that fits has no entry.
ALLOWANCE = {
    "helpers": 736,
    "helpers: signing and attestations": 28,
    "course: exercises": 1294,
    "course: tools": 2148,
    "preflight": 809,
}
LONGEST_FUNCTION = 60


def files() -> list[Path]:
    """Every module of the project, tests and tools excepted."""
    found = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    assert len(found) > 40
    return found


def module(file: Path) -> str:
    """The dotted name of a file's module."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(file: Path) -> set[str]:
    """The project's modules that a file imports anywhere, also inside functions and for types only."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = module(file).split(".")
            base = ".".join(package[: -node.level]) if node.level else ""
            source = ".".join(filter(None, (base, node.module)))
            names |= {
                f"{source}.{alias.name}" if is_module(f"{source}.{alias.name}") else source
                for alias in node.names
            }
    return {name for name in names if name.partition(".")[0] in PACKAGES}


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def room(name: str) -> str:
    """The room that a module is in: the longest entry of the table that its name begins with."""
    parts = name.split(".")
    beginnings = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
    return next(each for each in beginnings if each in MAY_IMPORT)


def allowed(importer: str, name: str) -> bool:
    """Whether the table lets one module import another."""
    if importer.startswith("course.ch"):  # a chapter uses what chapters share, not another chapter
        chapter = ".".join(importer.split(".")[:2])
        return (
            name.startswith("helpers")
            or not name.startswith("course.ch")
            or f"{name}.".startswith(f"{chapter}.")
        )
    if room(importer) == room(name) != "helpers":
        return not (room(name) == "course" and name.startswith("course.ch"))
    return any(
        name.startswith(entry[:-1]) if entry.endswith("*") else f"{name}.".startswith(f"{entry}.")
        for entry in MAY_IMPORT[room(importer)]
    )


@pytest.mark.parametrize("file", files(), ids=module)
def test_a_module_imports_only_what_its_room_may(file):
    assert sorted(name for name in imported(file) if not allowed(module(file), name)) == []


def test_the_table_tells_right_from_wrong():
    assert allowed("helpers.index.web", "helpers.index.index")
    assert allowed("course.ch03.stores", "helpers.oidc.key_store")
    for importer, name in (
        ("helpers.index.web", "helpers.provider.jobs"),
        ("helpers.machine.runner", "helpers.events"),
        ("helpers.oidc.jws", "helpers.lab"),
        ("helpers.events", "course.figure"),
        ("course.ch03.stores", "course.ch02.figures"),
        ("course.figure", "course.ch02.figures"),
        ("preflight.report", "helpers.lab"),
        ("preflight.report", "course.figure"),
    ):
        assert not allowed(importer, name), (importer, name)


def part_of(file: Path) -> str:
    """The line of the table of sizes that a file counts for."""
    name = module(file)
    if name.startswith("helpers.signing") or name == "helpers.index.attestations":
        return "helpers: signing and attestations"
    if name.startswith("course"):
        kind = file.stem.rstrip("s")
        return f"course: {kind}s" if kind in ("exercise", "figure") else "course: tools"
    return name.partition(".")[0]


def sizes() -> dict[str, int]:
    found = dict.fromkeys(BUDGETS, 0)
    for file in files():
        found[part_of(file)] += len(file.read_text("utf-8").splitlines())
    return found


@pytest.mark.parametrize("part", BUDGETS)
def test_a_room_is_not_larger_than_its_budget(part):
    assert sizes()[part] <= BUDGETS[part] + ALLOWANCE.get(part, 0)


def functions(package: str) -> list[tuple[str, int]]:
    """The functions of a package with their lines."""
    return [
        (f"{module(file)}.{node.name}", node.end_lineno - node.lineno + 1)
        for file in files()
        if module(file).partition(".")[0] == package
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.end_lineno
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_function_is_longer_than_a_page(package):
    assert not {name for name, lines in functions(package) if lines > LONGEST_FUNCTION}


@pytest.mark.parametrize("package", ["helpers", "preflight"])
def test_functions_of_the_lab_are_short(package):
    lengths = [lines for _, lines in functions(package)]
    assert statistics.median(lengths) <= 8
    assert statistics.quantiles(lengths, n=10)[-1] < 20
