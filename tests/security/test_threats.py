"""The table of README's "Security" names tests that there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
README = (TESTS.parent / "README.md").read_text()
SECURITY = README.partition("\n## Security\n")[2].partition("\n## ")[0]
ROWS = [line.strip("|").split("|") for line in SECURITY.splitlines() if line.startswith("| ")][2:]
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", SECURITY)))


def test_each_line_names_what_holds_it() -> None:
    assert len(ROWS) >= 10
    for who, what, tests in ROWS:
        assert who.strip()
        assert what.strip()
        assert re.search(r"`[\w/]+\.py::test_\w+`", tests), who


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_is_named_is_there(file: str, name: str) -> None:
    tree = ast.parse((TESTS / file).read_text())

    assert name in {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
