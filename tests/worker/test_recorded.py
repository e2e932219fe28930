"""What libraries printed into pipes, as it came: what is told of it in the end, and on the way."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.worker.logfile import LogWriter
from tests.worker.test_reports import Told

# Of each a list of milliseconds since the first, `o` or `e`, and the text. By library, version, and what was done.
FOLDER = Path(__file__).parents[1] / "wire" / "output"

# What is told in the end: done, total, and how the newest message that is of a bar begins.
ENDS: dict[str, tuple[float, float | None, str]] = {
    "keras-3.15.1-fit": (3, 3, "Epoch 3/3, accuracy: 0.5344, loss: 0.6889"),
    "keras-3.15.1-fit-generator": (30, 30, "accuracy: 0.6875, loss: 0.6725"),
    "keras-3.15.1-fit-validated": (3, 3, "Epoch 3/3, accuracy: 0.5344, loss: 0.6889, val_acc"),
    "keras-3.15.1-fit-verbose-2": (3, 3, "Epoch 3/3, accuracy: 0.5344, loss: 0.6889, val_acc"),
    "keras-3.15.1-predict": (10, 10, ""),
    "lightning-2.6.6-rich": (3, 3, "Epoch 2/2, train_loss: 0.081"),
    "lightning-2.6.6-rich-compatible": (3, 3, "Epoch 2/2, train_loss: 0.081"),
    "lightning-2.6.6-tqdm": (10, 10, "Epoch 2, train_loss=0.0806, val_loss=0.0452"),
    "lightning-2.6.6-tqdm-iterable": (10, None, "Epoch 2, train_loss=0.073"),
    "transformers-5.23.0-trainer": (30, 30, "{'train_runtime': "),
    "datasets-5.2.0-map": (300, 300, "Filter"),
}
OF_ALL_EPOCHS = [
    name for name, (_, _, said) in ENDS.items() if said.startswith("Epoch") and "/" in said
]


def replay(folder: Path, name: str, *, each: bool) -> list[dict[str, Any]]:
    """Return what is told: after each piece of output, or as seldom as in a job."""
    log = LogWriter(folder / "log", 10_000_000)
    told = Told(folder, log.news)
    seen: list[dict[str, Any]] = []
    for time_ms, stream, text in json.loads((FOLDER / f"{name}.json").read_text()):
        now = math.inf if each else time_ms / 1000
        seen += told.told(now)
        log.feed(stream, text.encode(), time_ms)
        told.printed()
        seen += told.told(now)
    log.close(time_ms)
    told.printed()
    seen += told.told()
    told.end()
    return seen


def test_every_recording_is_looked_at() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(ENDS)


@pytest.mark.parametrize("each", [True, False], ids=["each piece", "as in a job"])
@pytest.mark.parametrize("name", ENDS)
def test_what_a_library_printed_is_followed_to_its_end(
    name: str, each: bool, tmp_path: Path
) -> None:
    told = replay(tmp_path, name, each=each)

    done, total, said = ENDS[name]
    assert (told[-1]["done"], told[-1].get("total")) == (done, total)
    assert told[-1].get("progress") == (None if total is None else 1.0)
    assert [report for report in told if report.get("message", "").startswith(said)] or not each


@pytest.mark.parametrize("each", [True, False], ids=["each piece", "as in a job"])
@pytest.mark.parametrize("name", OF_ALL_EPOCHS)
def test_of_epochs_that_are_counted_it_never_goes_back(
    name: str, each: bool, tmp_path: Path
) -> None:
    told = replay(tmp_path, name, each=each)
    begun = next(n for n, report in enumerate(told) if report.get("total") == 3)
    shares = [report["progress"] for report in told[begun:]]

    assert shares == sorted(shares)
    assert {report["total"] for report in told[begun:]} == {3.0}


def test_where_only_the_epoch_is_numbered_it_is_of_that_epoch(tmp_path: Path) -> None:
    told = replay(tmp_path, "lightning-2.6.6-tqdm", each=True)
    second = [report for report in told if report.get("message", "").startswith("Epoch 1, ")]

    assert second[0]["progress"] == 0.0
    assert second[-1]["progress"] == 1.0
    assert "train_loss=0.0858, val_loss=0.0648" in {
        report["message"].removeprefix("Epoch 1, ") for report in second
    }


def test_an_evaluation_within_a_training_takes_nothing_of_it_back(tmp_path: Path) -> None:
    told = replay(tmp_path, "transformers-5.23.0-trainer", each=True)
    trained = [report["progress"] for report in told if report.get("total") == 30]
    last_evaluated = max(n for n, report in enumerate(told) if report.get("total") == 5)

    assert trained == sorted(trained)
    assert (
        told[last_evaluated + 1]["done"] == 10
    )  # the first one, which could be the next thing that is done
