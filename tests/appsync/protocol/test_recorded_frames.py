"""The client's machine hears what was seen on the wire."""

from __future__ import annotations

import json
from itertools import chain, count
from typing import Any

import pytest

from jupyter_jobs.appsync.protocol import ClientConnection, State
from tests.support.pair import AUTHORIZATION, DATA
from tests.support.recorded import FROM_SERVER, name

ID = "ee849ef0"
ACK = '{"type":"connection_ack","payload":{"connectionTimeoutMs":300000}}'


def client_that_is(heard: str) -> ClientConnection:
    """A machine in the state in which the frame was heard: connecting, starting or live."""
    ids = chain([ID], (f"later {n}" for n in count()))
    client = ClientConnection(new_id=lambda: next(ids), rand=lambda: 1.0)
    client.connect(0.0)
    client.subscribe("a", DATA, 0.0)
    if heard != "connecting":
        client.receive(ACK, 0.0)
        client.authorize(ID, AUTHORIZATION, 0.0)
    if heard == "live":
        client.receive(json.dumps({"id": ID, "type": "start_ack"}), 0.0)
    client.data_to_send()
    return client


@pytest.mark.parametrize("seen", FROM_SERVER, ids=name)
def test_a_frame_that_was_seen_tells_what_it_means(seen: dict[str, Any]) -> None:
    client = client_that_is(seen["heard"])

    events = client.receive(json.dumps(seen["wire"]), 1.0)

    assert [type(event).__name__ for event in events] == seen["tells"]
    ended = seen["frame"] == "ConnectionErrors"
    assert client.state is (State.CLOSED if ended else State.OPEN)


@pytest.mark.parametrize("seen", FROM_SERVER, ids=name)
def test_after_any_frame_but_a_refusal_the_subscription_goes_on(seen: dict[str, Any]) -> None:
    client = client_that_is(seen["heard"])
    client.receive(json.dumps(seen["wire"]), 1.0)
    if not {"Lost", "Refused", "Full"} & set(seen["tells"]):
        events = client.tick(100.0)  # what waits is due

        assert client.next_deadline() is not None
        assert not {type(event).__name__ for event in events} & {"Refused", "Lost"}
