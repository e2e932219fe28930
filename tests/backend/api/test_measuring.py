from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.backend.api import measuring
from jupyter_jobs.backend.api.measuring import Measuring
from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.worker.metrics import NAMES_IN_SHORT, MetricsReader

JOB: dict[str, Any] = {"id": "a", "metrics": None}


def tell(made: Measuring, told: Any, body: dict[str, Any] = JOB) -> dict[str, Any]:
    point = made.read(body, told)
    made.keep(point)
    return json.loads(point.in_short)


def test_points_make_a_series_and_each_one_in_short(tmp_path: Path) -> None:
    made = Measuring(tmp_path)
    tell(made, {"loss": 0.5})

    short = tell(made, {"loss": 0.25, "acc": 0.9})
    made.end("a")

    assert short == {
        "loss": {"last": 0.25, "spark": [0.5, 0.25]},
        "acc": {"last": 0.9, "spark": [0.9]},
    }
    points = MetricsReader(tmp_path / "jobs/a/metrics").page().points
    assert [point.values for point in points] == [{"loss": 0.5}, {"loss": 0.25, "acc": 0.9}]


def test_a_point_that_is_not_kept_leaves_nothing(tmp_path: Path) -> None:
    made = Measuring(tmp_path)
    tell(made, {"loss": 1})

    made.read(JOB, {"loss": 2})

    assert tell(made, {"loss": 3})["loss"] == {"last": 3, "spark": [1, 3]}
    made.end("a")


def test_another_backend_goes_on_with_what_the_job_says(tmp_path: Path) -> None:
    first = Measuring(tmp_path)
    short = tell(first, {"loss": 1})
    first.end("a")
    second = Measuring(tmp_path)

    told = tell(second, {"loss": 2}, {"id": "a", "metrics": json.dumps(short)})
    second.end("a")

    assert told == {"loss": {"last": 2, "spark": [1, 2]}}
    assert [point.seq for point in MetricsReader(tmp_path / "jobs/a/metrics").page().points] == [
        1,
        2,
    ]


def test_the_event_has_so_many_series_and_the_disk_all(tmp_path: Path) -> None:
    made = Measuring(tmp_path)

    short = tell(made, {f"m{number}": number for number in range(NAMES_IN_SHORT + 5)})
    made.end("a")

    (point,) = MetricsReader(tmp_path / "jobs/a/metrics").page().points
    assert len(short) == NAMES_IN_SHORT
    assert len(point.values) == NAMES_IN_SHORT + 5


@pytest.mark.parametrize("told", [[], 7, {"loss": "low"}, {"": 1}, {"loss": True}])
def test_what_is_no_object_of_numbers_is_refused(tmp_path: Path, told: Any) -> None:
    with pytest.raises(Refusal, match="metrics must be an object of numbers by name"):
        Measuring(tmp_path).read(JOB, told)


def test_only_so_many_series_are_open_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "_OPEN", 2)
    made = Measuring(tmp_path)

    for number in (1, 2, 3, 1):
        tell(made, {"x": number}, {"id": f"j{number}", "metrics": None})
    open_ones = set(made._open)
    for job in open_ones:
        made.end(job)

    assert open_ones == {"j3", "j1"}
    assert len(MetricsReader(tmp_path / "jobs/j1/metrics").page().points) == 2
