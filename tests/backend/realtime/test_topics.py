from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_jobs.backend.api.resolvers import build
from jupyter_jobs.backend.realtime import topics as topics_module
from jupyter_jobs.backend.realtime.audiences import Subscriber
from jupyter_jobs.backend.realtime.topics import RefusedStart, Topics
from jupyter_jobs.jobs.limits import EVENT_LIMIT
from jupyter_jobs.jobs.model import WIRE_NAMES
from jupyter_jobs.jobs.operations import ON_JOB_UPDATE

JOB: dict[str, Any] = {
    **dict.fromkeys(WIRE_NAMES.values()),
    "id": "a",
    "group": "g",
    "status": "RUNNING",
    "version": 2,
    "params": '{"n": 1}',
}


@pytest.fixture
def topics() -> Topics:
    return Topics(build())


def start(query: str, variables: dict[str, Any] | None = None) -> str:
    return json.dumps({"query": query, "variables": variables or {}})


def listen(topics: Topics, query: str, variables: dict[str, Any] | None = None) -> list[Any]:
    heard: list[Any] = []
    topics.add(topics.read(start(query, variables), lambda text: heard.append(json.loads(text))))
    return heard


def test_an_event_is_what_the_mutation_selected_of_what_the_subscriber_selects(
    topics: Topics,
) -> None:
    heard = listen(topics, "subscription { onJobUpdate { id status message } }")

    topics.publish("updateJob", {"id": "a", "status": "RUNNING", "version": 7})

    assert heard == [{"data": {"onJobUpdate": {"id": "a", "status": "RUNNING", "message": None}}}]


def test_a_whole_job_arrives_as_it_was_published(topics: Topics) -> None:
    heard = listen(topics, ON_JOB_UPDATE["group"], {"group": "g"})

    topics.publish("submitJob", JOB)

    assert heard == [{"data": {"onJobUpdate": JOB}}]


def test_an_id_that_the_mutation_left_out_is_an_error_beside_the_data(topics: Topics) -> None:
    heard = listen(topics, "subscription { onJobUpdate { id status } }")

    topics.publish("updateJob", {"status": "RUNNING"})

    assert heard == [
        {
            "data": {"onJobUpdate": None},
            "errors": [
                {
                    "message": "Cannot return null for non-nullable type: 'ID' within parent 'Job' (/onJobUpdate/id)",
                    "path": ["onJobUpdate", "id"],
                }
            ],
        }
    ]


GROUP = "subscription S($group: String) { onJobUpdate(group: $group) { id } }"


@pytest.mark.parametrize(
    ("query", "variables", "passes"),
    [
        ("subscription { onJobUpdate { id } }", {}, True),
        ('subscription { onJobUpdate(group: "g") { id } }', {}, True),
        ('subscription { onJobUpdate(group: "h") { id } }', {}, False),
        ('subscription { onJobUpdate(group: "g", id: "a") { id } }', {}, True),
        ('subscription { onJobUpdate(group: "g", id: "b") { id } }', {}, False),
        (GROUP, {"group": "g"}, True),
        (GROUP, {}, True),
        (GROUP, {"group": None}, False),
        ("subscription { onJobUpdate(group: null) { id } }", {}, False),
    ],
)
def test_arguments_filter_by_equality_absent_ones_by_nothing(
    topics: Topics, query: str, variables: dict[str, Any], passes: bool
) -> None:
    heard = listen(topics, query, variables)

    topics.publish("updateJob", JOB)

    assert bool(heard) is passes


@pytest.mark.parametrize("body", [{"id": "a", "group": None}, {"id": "a"}])
def test_a_null_argument_matches_what_is_null_or_was_not_selected(
    topics: Topics, body: dict[str, Any]
) -> None:
    heard = listen(topics, GROUP, {"group": None})

    topics.publish("updateJob", body)

    assert len(heard) == 1


def test_a_field_that_was_not_selected_cannot_match(topics: Topics) -> None:
    heard = listen(topics, GROUP, {"group": "g"})

    topics.publish("updateJob", {"id": "a"})

    assert heard == []


def test_mutations_that_the_schema_does_not_name_publish_nothing(topics: Topics) -> None:
    heard = listen(topics, "subscription { onJobUpdate { id } }")

    topics.publish("somethingElse", JOB)

    assert heard == []


def test_equal_subscribers_share_one_text(topics: Topics) -> None:
    texts: list[str] = []
    for _ in range(3):
        topics.add(topics.read(start(GROUP, {"group": "g"}), texts.append))

    topics.publish("updateJob", JOB)

    assert len(texts) == 3
    assert texts[0] is texts[1] is texts[2]
    assert topics.delivered == 3


def test_subscribers_of_equal_selections_share_one_text_whatever_they_asked_by(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Any] = []
    monkeypatch.setattr(topics_module, "dumps", lambda payload: written.append(payload) or "{}")
    texts: list[str] = []
    for query, variables in [
        (ON_JOB_UPDATE["group"], {"group": "g"}),
        (ON_JOB_UPDATE["group"], {}),
        (ON_JOB_UPDATE["id"], {"id": "a"}),
        (GROUP, {"group": "g"}),
    ]:
        topics.add(topics.read(start(query, variables), texts.append))

    topics.publish("updateJob", JOB)

    assert len(texts) == 4
    assert written == [{"data": {"onJobUpdate": JOB}}, {"data": {"onJobUpdate": {"id": "a"}}}]


def test_an_alias_that_makes_a_list_of_an_argument_concerns_nobody_who_asked_by_it(
    topics: Topics,
) -> None:
    by_id = listen(topics, ON_JOB_UPDATE["id"], {"id": "a"})
    all_jobs = listen(topics, "subscription { onJobUpdate { version } }")

    topics.publish("updateJob", {"id": ["a"], "version": 1})

    assert (by_id, all_jobs) == ([], [{"data": {"onJobUpdate": {"version": 1}}}])


def test_a_subscriber_that_left_hears_nothing(topics: Topics) -> None:
    heard: list[str] = []
    subscriber: Subscriber = topics.read(start(GROUP), heard.append)
    topics.add(subscriber)
    assert len(topics) == 1

    topics.discard(subscriber)
    topics.discard(subscriber)
    topics.publish("updateJob", JOB)

    assert (len(topics), heard) == (0, [])


def test_an_event_over_the_limit_is_dropped_and_counted(
    topics: Topics, caplog: pytest.LogCaptureFixture
) -> None:
    large = listen(topics, "subscription { onJobUpdate { id message } }")
    small = listen(topics, "subscription { onJobUpdate { id } }")

    topics.publish("updateJob", {"id": "a", "message": "x" * EVENT_LIMIT})

    assert (large, len(small), topics.dropped) == ([], 1, 1)
    assert "dropped an event" in caplog.text


@pytest.mark.parametrize(
    "data",
    [
        "not json",
        "[]",
        "{}",
        json.dumps({"query": 3}),
        start("{ getJob(id: 1) { id } }"),
        start('mutation { cancelJob(id: "a") { id } }'),
        start("subscription {"),
        start("subscription { onJobUpdate { nothing } }"),
        start("subscription { a: onJobUpdate { id } b: onJobUpdate { id } }"),
        start("subscription S($id: ID!) { onJobUpdate(id: $id) { id } }"),
        start("subscription S($id: ID!) { onJobUpdate(id: $id) { id } }", {"id": None}),
        json.dumps({"query": GROUP, "variables": [1]}),
        "[" * 100_000,
    ],
)
def test_what_is_no_subscription_of_this_schema_is_refused(topics: Topics, data: str) -> None:
    with pytest.raises(RefusedStart) as caught:
        topics.read(data, print)

    assert all(isinstance(error["message"], str) for error in caught.value.errors)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("subscription { onJobUpdate { id" + " " * 8192 + "} }", "may have 8,192 characters"),
        ("subscription { onJobUpdate { " + "id " * 251 + "} }", "251 fields below one at the root"),
        ("subscription { onJobUpdate " + "{ a " * 40, "more than 32 brackets in one another"),
    ],
)
def test_a_subscription_is_no_larger_than_a_document_may_be(
    topics: Topics, query: str, said: str
) -> None:
    with pytest.raises(RefusedStart, match=said):
        topics.read(start(query), print)
