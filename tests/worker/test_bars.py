from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from jupyter_jobs.worker.bars import Bars, read_bar

# What tqdm 4.70 and rich 15 printed into a pipe, by what it is.
PRINTED: dict[str, str] = json.loads((Path(__file__).parent / "printed.json").read_text())

# What is recorded: how far it came, the total where the bar says it, and what the bar is called.
RECORDED = {
    "tqdm_plain": (1.0, 40.0, ""),
    "tqdm_desc": (1.0, 30.0, "Training net"),
    "tqdm_scale": (1.0, 9_540_000.0, "data.zip"),
    "tqdm_scale2": (1.0, 10_000.0, ""),
    "tqdm_ascii": (1.0, 20.0, ""),
    "tqdm_narrow": (1.0, None, ""),
    "tqdm_ncols0": (1.0, 20.0, "x"),
    "tqdm_colour": (1.0, 20.0, ""),
    "tqdm_write": (1.0, 20.0, ""),
    "tqdm_barformat": (1.0, None, ""),
    "tqdm_nested": (1.0, 3.0, "epochs"),
    "tqdm_nested_noleave": (1.0, 3.0, "epochs"),
    "rich_track": (1.0, None, "Working"),
    "rich_plain": (1.0, None, "Working"),
    "rich_mofn": (1.0, 12.0, "files"),
    "rich_download": (1.0, 12.0, "data.zip"),
    "rich_two": (1.0, None, "outer"),
}


def lines_of(name: str) -> list[str]:
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", PRINTED[name]).replace("\b", "")
    return [line for line in re.split(r"[\r\n]+", shown) if line.strip()]


@pytest.mark.parametrize("name", RECORDED)
def test_what_was_really_printed_is_followed_to_its_end(name: str) -> None:
    reader = Bars()
    seen = [bar for line in lines_of(name) if (bar := reader.read(line)) is not None]
    shares = [bar.numbers["progress"] for bar in seen]

    share, total, called = RECORDED[name]
    assert len(shares) > 1 or name == "rich_plain"
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(share)
    assert seen[-1].numbers.get("total") == total
    assert seen[-1].message.startswith(called)


@pytest.mark.parametrize(("name", "done"), [("tqdm_unknown", 30), ("tqdm_unknown_scale", 1.5e6)])
def test_without_a_total_it_is_a_count(name: str, done: float) -> None:
    bars = [read_bar(line) for line in lines_of(name)]

    assert None not in bars
    assert bars[-1] is not None
    assert bars[-1].numbers == {"done": done}


def test_a_bar_that_only_says_that_something_goes_on_says_nothing() -> None:
    assert {read_bar(line) for line in lines_of("rich_indet")} == {None}


@pytest.mark.parametrize(
    ("line", "numbers", "message"),
    [
        (
            "Epoch 3:  46%|████▌     | 12/26 [00:04<00:05,  9.98it/s, v_num=1, loss=0.2]",
            {"done": 12, "total": 26, "progress": 12 / 26},
            "Epoch 3, v_num=1, loss=0.2",
        ),
        (
            " 12/100 [===>..........................] - ETA: 3s - loss: 0.3000 - accuracy: 0.9",
            {"done": 12, "total": 100, "progress": 0.12},
            "loss: 0.3000, accuracy: 0.9",
        ),
        (
            "12/100 ━━━━━━━━━━━━━━━━━━━━ 3s 20ms/step - accuracy: 0.7000 - loss: 1.5e-04",
            {"done": 12, "total": 100, "progress": 0.12},
            "accuracy: 0.7000, loss: 1.5e-04",
        ),
        (
            "   ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╸━━━━━━━━ 5.2/6.5 MB 5.3 MB/s eta 0:00:01",
            {"done": 5.2, "total": 6.5, "progress": 0.8},
            "",
        ),
        (
            "file.zip            45%[========>           ]  12.30M  1.20MB/s    eta 5s",
            {"progress": 0.45},
            "file.zip",
        ),
        ("##########################                         45.5%", {"progress": 0.455}, ""),
        ("Progress: |█████████---------| 50.0% Complete", {"progress": 0.5}, "Progress"),
        (" [####    ]  45%  00:00:03", {"progress": 0.45}, ""),
        ("step 12/100", {"done": 12, "total": 100, "progress": 0.12}, "step 12/100"),
        (
            "Step 1,200/10,000 loss=0.2",
            {"done": 1200, "total": 10_000, "progress": 0.12},
            "Step 1,200/10,000 loss=0.2",
        ),
        ("Epoch 3/10", {"done": 2, "total": 10, "progress": 0.2}, "Epoch 3/10"),
        (
            "Epoch [3/10], Loss: 0.25",
            {"done": 3, "total": 10, "progress": 0.3},
            "Epoch [3/10], Loss: 0.25",
        ),
        (
            "[12/100] Building x",
            {"done": 12, "total": 100, "progress": 0.12},
            "[12/100] Building x",
        ),
        ("12/100", {"done": 12, "total": 100, "progress": 0.12}, "12/100"),
        ("[ 45%] Building x", {"progress": 0.45}, "[ 45%] Building x"),
        ("Downloading model.bin... 45%", {"progress": 0.45}, "Downloading model.bin... 45%"),
        ("45% done", {"progress": 0.45}, "45% done"),
        (
            "Receiving objects:  45% (450/1000), 1.2 MiB | 500 KiB/s",
            {"done": 450, "total": 1000, "progress": 0.45},
            "Receiving objects:  45% (450/1000), 1.2 MiB | 500 KiB/s",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_many_ways_to_say_how_far_it_is(line: str, numbers: dict[str, float], message: str) -> None:
    bar = read_bar(line)

    assert bar is not None
    assert dict(bar.numbers) == pytest.approx(numbers)
    assert bar.message == message


@pytest.mark.parametrize(
    "line",
    [
        "",
        "11/22/2026 10:00 started",
        "[11/22/2026] hello",
        "2026-11-22 10:00:00 INFO 3/4",
        "/data/12/100/file.csv",
        "http://x/12/100",
        "version 1.2/3",
        "python 3.11/3.12",
        "test 1/2.5.3",
        "step 10/22/2026",
        "epoch 2026/11/22",
        "only 3/4 of them were ok",
        "about 3 of 10 people",
        "see page 12/100-200",
        "accuracy: 45%",
        "Training accuracy: 45%",
        "CPU usage 45%",
        "disk 45% used",
        "45% of rows are missing",
        "loss 0.3 (45%)",
        "a 150% increase",
        "[150%] x",
        "100% sure",
        "the ratio 12/5",
        "step 12/5",
        "[12/5] x",
        "job 1/0",
        "| 45% | 12 |",
    ],
)
def test_what_only_looks_like_progress_is_left_alone(line: str) -> None:
    assert read_bar(line) is None


@pytest.mark.parametrize("line", ["#" * 5000, "━" * 5000 + "%", "1," * 3000 + "%", "[ " * 3000])
def test_a_line_made_to_be_slow_is_not(line: str) -> None:
    assert read_bar(line) is None


def shares(*lines: str) -> list[float | None]:
    reader = Bars()
    bars = [reader.read(line) for line in lines]
    return [None if bar is None else round(bar.numbers["progress"], 2) for bar in bars]


def test_an_epoch_that_begins_is_the_bar_around_its_batches() -> None:
    batches = [
        "  5/10 ━━━━━━━━━━━━━━━━━━━━ 0s 5ms/step - loss: 0.5",
        "10/10 ━━━━━━━━━━━━━━━━━━━━ 0s",
    ]

    assert shares("Epoch 1/2", *batches, "Epoch 2/2", *batches) == [0, 0.25, 0.5, 0.5, 0.75, 1]


def test_a_bar_follows_one_that_was_left_early() -> None:
    assert shares(
        "load:  45%|####5     | 45/100 [00:04<00:05,  9.98it/s]",
        "train:   0%|          | 0/10 [00:00<?, ?it/s]",
        "train:  10%|#         | 1/10 [00:00<00:09,  1.00it/s]",
    ) == [0.45, 0.0, 0.1]


def test_files_of_different_names_do_not_replace_the_bar_around_them() -> None:
    assert shares(
        "files:   0%|          | 0/4 [00:00<?, ?it/s]",
        "a.bin:  50%|#####     | 1/2 [00:00<00:01,  1.00it/s]",
        "files:  25%|##5       | 1/4 [00:00<?, ?it/s]",
        "b.bin:  50%|#####     | 1/2 [00:00<00:01,  1.00it/s]",
        "files:  50%|#####     | 2/4 [00:00<?, ?it/s]",
    ) == [0.0, None, 0.25, None, 0.5]


def test_a_bar_that_stands_still_for_good_is_given_up() -> None:
    inner = [
        "in:  50%|#####     | 1/2 [00:00<?, ?it/s]",
        "in: 100%|##########| 2/2 [00:00<?, ?it/s]",
    ]

    seen = shares("out:   0%|          | 0/4 [00:00<?, ?it/s]", *inner * 4)

    assert seen[-1] == 1.0


@pytest.mark.parametrize("first", [0, 1])
def test_a_bar_for_each_of_so_many_epochs_is_one_of_all(first: int) -> None:
    seen = shares(
        *(
            f"Epoch {epoch}/2: {line}"
            for epoch in (first, first + 1)
            for line in (
                "  0%|          | 0/4 [00:00<?, ?it/s]",
                " 50%|#####     | 2/4 [00:00<00:01,  1.00it/s]",
                "100%|##########| 4/4 [00:00<00:00,  1.00it/s]",
            )
        )
    )

    assert seen == [0.0, 0.25, 0.5, 0.5, 0.75, 1.0]


def test_a_bar_of_epochs_that_says_which_one_is_of_itself() -> None:
    assert shares(
        "Epoch 1/10:   0%|          | 0/10 [00:00<?, ?it/s]",
        "Epoch 2/10:  10%|#         | 1/10 [00:00<00:01,  1.00it/s]",
    ) == [0.0, 0.1]


def test_two_bars_under_the_heading_of_an_epoch_do_not_move_it_back() -> None:
    assert shares(
        "Epoch 1/2",
        "train: 100%|##########| 4/4 [00:00<00:00,  1.00it/s]",
        "test:  50%|#####     | 1/2 [00:00<00:01,  1.00it/s]",
        "Epoch 2/2",
        "train:  50%|#####     | 2/4 [00:00<00:01,  1.00it/s]",
    ) == [0.0, 0.5, None, 0.5, 0.75]


def test_what_is_drawn_below_a_bar_that_has_ended_takes_nothing_back() -> None:
    train = "{:>3}%|##########| {}/4 [00:00<00:00,  1.00it/s]"
    evaluation = "{:>3}%|##########| {}/2 [00:00<00:00,  1.00it/s]"

    assert shares(
        train.format(0, 0),
        evaluation.format(0, 0),
        train.format(100, 4),
        evaluation.format(0, 0),
        train.format(100, 4),
        evaluation.format(50, 1),
        train.format(100, 4),
    ) == [0.0, None, 1.0, None, 1.0, None, 1.0]
