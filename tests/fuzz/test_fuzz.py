"""A few hundred of each; `python -m tests.fuzz --examples 10000` does more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz.backend import Fuzzed, fuzzed_backend
from tests.fuzz.profiles import PROFILES, fuzz
from tests.fuzz.pure import TARGETS, hold
from tests.fuzz.stalls import stall
from tests.support.backend import PATIENCE_S

EXAMPLES = 100


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    with fuzzed_backend(tmp_path_factory.mktemp("fuzz")) as backend:
        yield backend


@pytest.fixture(autouse=True)
def _no_connection_is_kept(request: pytest.FixtureRequest) -> Iterator[None]:
    """The backend is that of all tests; the connection to it is not."""
    yield
    if "fuzzed" in request.fixturenames:
        request.getfixturevalue("fuzzed").close()


@pytest.mark.timeout(4 * PATIENCE_S)
@pytest.mark.parametrize("name", PROFILES)
def test_whatever_is_sent_the_backend_answers_others_and_says_what_failed(
    fuzzed: Fuzzed, name: str
) -> None:
    fuzz(fuzzed, name, EXAMPLES)

    assert sum(fuzzed.outcomes.values()) >= EXAMPLES


@pytest.mark.parametrize("name", TARGETS)
def test_what_only_reads_refuses_as_it_says(name: str) -> None:
    hold(name, EXAMPLES)


def test_a_client_that_never_finishes_its_head_is_parted_with(fuzzed: Fuzzed) -> None:
    stall(fuzzed, ["nothing", "half a head", "a head for ever", "half an upgrade"])

    assert {told for told in fuzzed.outcomes if told.endswith("kept")} == set()
