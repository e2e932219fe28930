"""The rules of the house that no linter holds."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "jupyter_jobs"
MODULES = sorted(PACKAGE.rglob("*.py"))
PYTHON = [path.relative_to(ROOT).as_posix() for path in MODULES]
WITH_TESTS = [name for name in PYTHON if Path(name).stem not in ("__init__", "__main__")]
ROOMS = [name for name in PYTHON if Path(name).stem == "__init__"]
SOURCES = PYTHON + sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "js/src").rglob("*")
    if path.suffix in (".ts", ".tsx", ".css")
)

MAX_LINES = 400

# Loaded when they are first used: every job's process imports the package.
HEAVY = [
    "botocore",
    "graphql",
    "httpx",
    "jwt",
    "nbclient",
    "rich",
    "starlette",
    "uvicorn",
    "websockets",
]

# What is left when work was not finished, or was written for one machine.
LEFT_OVER = re.compile(
    r"\b(?:TODO|FIXME|XXX|HACK|WIP)\b|\bnot (?:yet )?implemented\b|\bNotImplementedError\b"
    r"|(?<![\w.:/])/(?:root|work|home)/\w",
    re.IGNORECASE,
)


def module_of(name: str) -> ModuleType:
    parts = Path(name).with_suffix("").parts
    return importlib.import_module(".".join(part for part in parts if part != "__init__"))


def mirror_of(name: str) -> str:
    """`jupyter_jobs/jobs/_store.py` -> `tests/jobs/test_store.py`."""
    path = Path(name)
    room = path.parent.relative_to("jupyter_jobs")
    return (Path("tests") / room / f"test_{path.stem.lstrip('_')}.py").as_posix()


@pytest.mark.parametrize("name", WITH_TESTS)
def test_a_module_has_its_tests_at_the_mirrored_path(name: str) -> None:
    assert (ROOT / mirror_of(name)).is_file(), f"{name} wants its tests in {mirror_of(name)}"


@pytest.mark.parametrize("name", SOURCES)
def test_a_file_fits_in_a_head(name: str) -> None:
    lines = len((ROOT / name).read_text().splitlines())

    assert lines <= MAX_LINES, f"{name} has {lines} lines: cut it where its second thought begins"


@pytest.mark.parametrize("name", SOURCES)
def test_a_file_has_no_left_overs(name: str) -> None:
    found = [
        f"{name}:{number}: {line.strip()}"
        for number, line in enumerate((ROOT / name).read_text().splitlines(), start=1)
        if LEFT_OVER.search(line)
    ]

    assert found == []


@pytest.mark.parametrize("name", [*WITH_TESTS, *ROOMS])
def test_what_a_module_lists_as_public_is_there(name: str) -> None:
    module = module_of(name)
    public = getattr(module, "__all__", [])

    assert [word for word in public if not hasattr(module, word)] == []
    assert len(public) == len(set(public))


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_lists_all_that_it_offers_in_order(name: str) -> None:
    module = module_of(name)
    offered = {
        word
        for word, value in vars(module).items()
        if not word.startswith("_")
        and not isinstance(value, ModuleType)
        and f"{getattr(value, '__module__', '')}.".startswith(f"{module.__name__}.")
    }
    public = list(getattr(module, "__all__", []))

    assert offered <= set(public), f"{name} does not list {sorted(offered - set(public))}"
    assert public == sorted(public, key=in_order), f"__all__ of {name} is not sorted"


def in_order(word: str) -> tuple[int, str]:
    """As ruff sorts `__all__`: CONSTANTS, then Classes, then the rest."""
    return (0 if word.isupper() else 1 if word[0].isupper() else 2, word)


def test_the_package_lists_what_it_loads_on_demand() -> None:
    import jupyter_jobs

    loaded = {word: getattr(jupyter_jobs, word) for word in jupyter_jobs.__all__}

    assert set(jupyter_jobs._HOME) == set(loaded) - {"__version__", "load_ipython_extension"}
    assert dir(jupyter_jobs) == sorted(loaded)


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = "import sys, jupyter_jobs; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert "jupyter_jobs" in loaded
    assert sorted(set(HEAVY) & set(loaded)) == []
