"""The panel while cells block the kernel, on every kernel that behaves in a way of its own."""

from __future__ import annotations

import os

import pytest

from tests.kernels.matrix import CELLS, SETUPS, Click, Seen, Setup, Visit

PATIENCE = float(os.environ.get("JUPYTER_JOBS_TEST_PATIENCE", "1"))
RHYTHM_S = 1.6 * PATIENCE  # at least one change in so many seconds, on average
AT_ONCE_S = 2.0 * PATIENCE

# The first test pays for all: it starts the kernels, and makes their environments where there are none.
pytestmark = pytest.mark.timeout(400 * PATIENCE)

each_kernel = pytest.mark.parametrize("setup", SETUPS, ids=str)
each_cell = pytest.mark.parametrize("cell", CELLS)


@each_kernel
@each_cell
def test_the_panel_moves_while_a_cell_blocks(seen: Seen, setup: Setup, cell: str) -> None:
    assert seen.moves >= 3
    assert seen.watched_s / (seen.moves + 1) <= RHYTHM_S, seen


@each_kernel
@each_cell
def test_an_interrupt_ends_the_cell_and_neither_job_nor_panel(
    seen: Seen, setup: Setup, cell: str
) -> None:
    # ipykernel cancels what a cell awaits, and raises in what it calls.
    expected = "CancelledError" if cell.startswith("await") else "KeyboardInterrupt"

    assert seen.interrupted_with == expected
    assert seen.interrupted_s < AT_ONCE_S
    assert seen.moves_again >= 2


@each_kernel
@each_cell
def test_after_the_cell_the_panel_shows_what_the_kernel_knows(
    seen: Seen, setup: Setup, cell: str
) -> None:
    assert seen.error is None
    assert seen.truth["status"] == "SUCCEEDED"
    assert {name: seen.row.get(name) for name in seen.truth} == seen.truth


@each_kernel
def test_no_message_is_lost_or_told_twice(visit: Visit, setup: Setup) -> None:
    assert visit.faults == []


@each_kernel
def test_a_click_is_acted_on_once_and_during_the_cell_where_the_kernel_can(
    click: Click, setup: Setup
) -> None:
    assert click.answers == 1
    assert click.status == "CANCELLED"
    assert click.answered_meanwhile == (setup.shell == "subshell"), click


@each_kernel
def test_the_kernel_is_the_one_that_was_meant(visit: Visit, setup: Setup) -> None:
    assert visit.version.startswith(f"{setup.release}.")
