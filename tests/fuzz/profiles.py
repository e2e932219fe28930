"""What is fuzzed: each way in by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz import frames, requests
from tests.fuzz.backend import Fuzzed
from tests.fuzz.exchanges import Exchange

__all__ = ["PROFILES", "fuzz"]

PROFILES: Mapping[str, Callable[[str, str], st.SearchStrategy[Exchange]]] = {
    "http": requests.exchanges,
    "websocket": frames.talks,
}
"""Name -> makes the exchanges, of the host's name and the key."""


def fuzz(fuzzed: Fuzzed, name: str, examples: int, number: int = 1) -> None:
    """Carry out so many exchanges; equal ones for equal numbers.

    Raises:
        AssertionError: Something did not hold; Hypothesis has made the exchange as small as it could.
    """

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )
    @given(PROFILES[name](fuzzed.host, fuzzed.backend.key))
    def one(exchange: Exchange) -> None:
        fuzzed.hold(exchange, name)

    one()
