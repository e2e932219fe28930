from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_jobs.appsync.messages import dumps, encode_data
from jupyter_jobs.backend.faults import FAULTS, Faults, FaultyFrames

START = {"id": "s", "type": "start", "payload": {"data": "{}", "extensions": {}}}


class Driven:
    """Frames under one rule, with a clock that is turned by hand."""

    def __init__(self, *rules: dict[str, Any]) -> None:
        self.faults = Faults({"rules": list(rules)})
        self.now = 100.0
        self.frames = FaultyFrames(self.faults, 1, self.now)

    def start(self) -> Driven:
        self.frames.from_client(dumps(START), self.now)
        self.frames.from_backend(dumps({"id": "s", "type": "start_ack"}), self.now)
        return self

    def event(self, number: int) -> None:
        payload = {"data": {"onJobUpdate": {"id": str(number), "status": "RUNNING"}}}
        self.frames.from_backend(encode_data("s", dumps(payload)), self.now)

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.frames.next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.frames.tick(self.now)
        self.now = end

    def heard(self) -> list[Any]:
        """The jobs of events, the types of other frames."""
        frames = [json.loads(text) for text in self.frames.to_client]
        self.frames.to_client.clear()
        return [
            int((frame["payload"]["data"]["onJobUpdate"] or {"id": -1})["id"])
            if frame["type"] == "data"
            else frame["type"]
            for frame in frames
        ]


def test_without_a_rule_all_passes_as_it_is() -> None:
    driven = Driven()
    texts = [dumps(START), "no JSON", '{"type": "stop", "id": "s"}', '{"type": "start"}', "[]"]

    for text in texts:
        driven.frames.from_client(text, driven.now)
        driven.frames.from_backend(text, driven.now)

    assert list(driven.frames.to_backend) == list(driven.frames.to_client) == texts
    assert driven.frames.next_deadline() is None


@pytest.mark.parametrize(
    ("rule", "at_once", "later"),
    [
        ({"fault": "drop", "after": 1, "count": 1}, [0, 2, 3, 4], []),
        ({"fault": "duplicate", "count": 1}, [0, 0, 1, 2, 3, 4], []),
        ({"fault": "reorder", "later": 2, "count": 1}, [1, 2, 0, 3, 4], []),
        ({"fault": "reorder", "later": 9, "ms": 500, "count": 1}, [1, 2, 3, 4], [0]),
        ({"fault": "delay", "count": 2}, [2, 3, 4], [0, 1]),
        ({"fault": "blank", "count": 1}, [-1, 1, 2, 3, 4], []),
    ],
)
def test_events_arrive_as_the_rule_says(
    rule: dict[str, Any], at_once: list[int], later: list[int]
) -> None:
    driven = Driven(rule).start()
    driven.heard()

    for number in range(5):
        driven.event(number)

    assert driven.heard() == at_once
    driven.wait(0.5)
    assert driven.heard() == later
    assert driven.faults.done == {rule["fault"]: rule.get("count", 1)}


def test_a_blank_event_says_what_appsync_says() -> None:
    driven = Driven({"fault": "blank"}).start()
    driven.heard()

    driven.event(1)

    payload = json.loads(driven.frames.to_client[0])["payload"]
    assert payload["data"] == {"onJobUpdate": None}
    assert payload["errors"] == [
        {
            "message": "Cannot return null for non-nullable type: 'AWSDateTime' within parent 'Job' (/onJobUpdate/createdAt)",
            "path": ["onJobUpdate", "createdAt"],
        }
    ]


def test_events_right_after_the_start_are_lost() -> None:
    driven = Driven({"fault": "lose", "ms": 375}).start()

    for number in range(4):
        driven.event(number)
        driven.now += 0.125
    driven.event(4)

    assert driven.heard() == ["start_ack", 3, 4]


@pytest.mark.parametrize(
    ("fault", "withheld"),
    [
        ("withhold_ack", "connection_ack"),
        ("withhold_ka", "ka"),
        ("withhold_start_ack", "start_ack"),
    ],
)
def test_a_frame_is_withheld(fault: str, withheld: str) -> None:
    driven = Driven({"fault": fault})
    types = ["connection_ack", "ka", "start_ack"]

    for type_ in types:
        driven.frames.from_backend(dumps({"type": type_, "id": "s"}), driven.now)

    assert driven.heard() == [type_ for type_ in types if type_ != withheld]


@pytest.mark.parametrize(
    ("fault", "id_", "error_type"),
    [
        ("throttle", None, "LimitExceededError"),
        ("too_many", "s", "MaxSubscriptionsReachedError"),
        ("refuse_start", "s", "Unauthorized"),
    ],
)
def test_a_start_is_refused_and_the_backend_never_hears_of_it(
    fault: str, id_: str | None, error_type: str
) -> None:
    driven = Driven({"fault": fault})

    driven.frames.from_client(dumps(START), driven.now)

    frame = json.loads(driven.frames.to_client[0])
    errors = frame["payload"]["errors"]
    assert (frame["type"], frame.get("id")) == ("error", id_)
    assert (errors if isinstance(errors, dict) else errors[0])["errorType"] == error_type
    assert not driven.frames.to_backend


def test_a_subscription_ends_by_a_stop_that_the_client_never_sent() -> None:
    driven = Driven({"fault": "complete", "ms": 250}).start()

    driven.wait(0.125)
    before = [json.loads(text)["type"] for text in driven.frames.to_backend]
    driven.wait(0.125)
    after = [json.loads(text)["type"] for text in driven.frames.to_backend]

    assert (before, after) == (["start"], ["start", "stop"])


@pytest.mark.parametrize(
    "fault", [name for name in FAULTS if FAULTS[name].occasion == "connection"]
)
def test_a_connection_ends_after_frames_or_after_time(fault: str) -> None:
    by_frames = Driven({"fault": fault, "frames": 2}).start()
    by_time = Driven({"fault": fault, "ms": 375, "frames": 50}).start()
    at_once = Driven({"fault": fault})

    assert by_frames.frames.ending is None
    by_frames.event(1)
    by_time.wait(0.25)
    assert by_time.frames.ending is None
    by_time.wait(0.125)
    at_once.wait(0.0)

    for driven in (by_frames, by_time, at_once):
        assert driven.frames.ending is not None
        assert driven.frames.ending.fault == fault
        assert driven.faults.done == {fault: 1}


def test_an_end_that_was_planned_is_called_off_with_its_plan() -> None:
    driven = Driven({"fault": "close", "ms": 300}).start()

    driven.faults.replace({})
    driven.wait(1.0)

    assert driven.frames.ending is None
    assert driven.frames.next_deadline() is None
