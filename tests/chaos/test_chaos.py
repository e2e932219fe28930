from __future__ import annotations

from collections.abc import Iterator

import pytest

from jupyter_jobs.backend.faults import FAULTS
from tests.chaos.schedule import CHANCES, schedule
from tests.chaos.storm import impatient, stormy_backend, survive
from tests.support.backend import PATIENCE_S, RunningBackend

SEEDS = range(1, 13)


@pytest.fixture(scope="module")
def stormy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBackend]:
    with stormy_backend(tmp_path_factory.mktemp("stormy")) as backend, impatient():
        yield backend


@pytest.mark.timeout(3 * PATIENCE_S)
@pytest.mark.parametrize("seed", SEEDS)
async def test_after_a_storm_every_client_has_what_the_database_has(
    stormy: RunningBackend, seed: int
) -> None:
    report = await survive(stormy, seed)

    assert report.faults


def test_a_schedule_has_every_kind_of_fault_and_is_the_same_for_its_seed() -> None:
    plan = schedule(4)

    assert {rule["fault"] for rule in plan["rules"]} == set(FAULTS) == set(CHANCES)
    assert {rule["fault"] for rule in schedule(3)["rules"]} == set(FAULTS) - {"drop"}
    assert plan == schedule(4)
    assert plan != schedule(5)
