"""A few hundred of each; `python -m tests.fuzz --examples 10000` does more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz.backend import Fuzzed, fuzzed_backend
from tests.fuzz.profiles import PROFILES, fuzz
from tests.support.backend import PATIENCE_S

EXAMPLES = 150


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    with fuzzed_backend(tmp_path_factory.mktemp("fuzz")) as backend:
        yield backend


@pytest.mark.timeout(4 * PATIENCE_S)
@pytest.mark.parametrize("name", PROFILES)
def test_whatever_is_sent_the_backend_answers_others_and_says_what_failed(
    fuzzed: Fuzzed, name: str
) -> None:
    fuzz(fuzzed, name, EXAMPLES)

    assert sum(fuzzed.outcomes.values()) >= EXAMPLES
