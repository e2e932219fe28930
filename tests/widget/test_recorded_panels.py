"""The recorded states that the page is tested with are what the kernel tells."""

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.widget.columns import decode
from tests.support.panels import FOLDER, again, failures


@pytest.mark.parametrize("path", sorted(FOLDER.glob("panel-*.json")), ids=lambda path: path.stem)
def test_the_kernel_tells_what_is_recorded(path: Path) -> None:
    file = json.loads(path.read_text())

    assert again(file) == file, "python -m tests.support.panels writes them anew"


def test_a_hundred_jobs_fail_as_recorded() -> None:
    made: dict[str, Any] = failures()
    told = decode(["failure", "attempt"], made["messages"][0]["rows"])
    groups = [shown["failure"] for shown in told]

    assert json.loads((FOLDER / "panel-failures.json").read_text()) == made
    assert groups.count("ValueError: bad day …: month must be in …") == 37
    assert [sum(group == other for other in groups) for group in dict.fromkeys(groups)] == [
        37,
        1,
        2,
        1,
        59,
    ]
    assert [shown["attempt"] for shown in told].count(2) == 1
