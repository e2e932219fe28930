from __future__ import annotations

import inspect

import pytest

from jupyter_jobs.appsync.protocol import events
from jupyter_jobs.appsync.protocol.events import ClientEvent, ServerEvent


@pytest.mark.parametrize("name", [n for n in events.__all__ if not n.endswith("Event")])
def test_an_event_is_a_value(name: str) -> None:
    event = getattr(events, name)
    values = list(inspect.signature(event).parameters)

    one, other = event(*values), event(*values)

    assert one == other
    with pytest.raises((AttributeError, TypeError)):
        one.reason = "another"


def test_the_lists_of_events_hold_all_of_them() -> None:
    listed = {event.__name__ for event in (ClientEvent | ServerEvent).__args__}

    assert {name for name in events.__all__ if not name.endswith("Event")} <= listed
