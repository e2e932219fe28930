import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from jupyter_jobs.errors import SubscriptionRefused
from jupyter_jobs.jobs.profiles import PROFILES, Profile
from jupyter_jobs.jobs.subscriptions import Subscriptions


class Subscription:
    def __init__(self, variables: Mapping[str, Any], **callbacks: Callable[..., object]) -> None:
        self.variables = variables
        self.started, self.say, self.end = (
            callbacks[name] for name in ("on_started", "on_data", "on_ended")
        )
        self.closed = False

    def close(self) -> None:
        self.closed = True
        self.end(None)


class Wire:
    """Notes what is subscribed to."""

    def __init__(self) -> None:
        self.made: list[Subscription] = []

    def subscribe(self, document: str, variables: Any, **callbacks: Any) -> Subscription:
        self.made.append(Subscription(variables, **callbacks))
        return self.made[-1]

    def open(self) -> list[Any]:
        return [one.variables for one in self.made if not one.closed]


class Rig:
    def __init__(self, profile: Profile, group: str | None = "g") -> None:
        self.wire, self.now, self.news = Wire(), 0.0, []  # type: ignore[var-annotated]  # tuples of what is told
        self.subscriptions = Subscriptions(
            self.wire,  # type: ignore[arg-type]  # all that is used of one
            profile,
            group,
            clock=lambda: self.now,
            on_started=lambda id_: self.news.append(("started", id_)),
            on_data=lambda id_, payload: self.news.append(("data", id_, payload)),
            on_refused=lambda problem: self.news.append(("refused", problem)),
        )


@pytest.fixture
def group() -> Rig:
    return Rig(PROFILES["jupyter_jobs"])


@pytest.fixture
def each() -> Rig:
    return Rig(PROFILES["seed"])


def test_all_jobs_are_subscribed_to_without_a_filter() -> None:
    rig = Rig(PROFILES["jupyter_jobs"], group=None)
    rig.subscriptions.start([])

    assert rig.wire.open() == [{}]


def test_one_subscription_serves_a_group(group: Rig) -> None:
    group.subscriptions.start(["j1", "j2"])

    assert group.wire.open() == [{"group": "g"}]
    group.subscriptions.leave("j1")
    assert group.wire.open() == [{"group": "g"}]


def test_each_live_job_has_its_own_where_there_are_no_groups(each: Rig) -> None:
    each.subscriptions.start(["j1", "j2"])
    each.subscriptions.follow("j3")
    each.subscriptions.follow("j1")
    each.subscriptions.leave("j2")
    each.subscriptions.leave("j2")

    assert each.wire.open() == [{"id": "j1"}, {"id": "j3"}]


def test_what_is_set_up_is_told_in_the_log(
    group: Rig, each: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "jupyter_jobs.jobs"):
        for rig, key in ((group, "g"), (each, "j1")):
            rig.subscriptions.follow(key)
            rig.wire.made[0].started()

    assert [record.getMessage() for record in caplog.records] == [
        "Setting up subscription for group: g",
        "✓ Subscription established for group: g",
        "Setting up subscription for job: j1",
        "✓ Subscription established for job: j1",
    ]


def test_news_says_whose_it_is_where_that_is_known(group: Rig, each: Rig) -> None:
    for rig, key in ((group, "g"), (each, "j1")):
        rig.subscriptions.follow(key)
        rig.wire.made[0].started()
        rig.wire.made[0].say({"data": None})

    assert group.news == [("started", None), ("data", None, {"data": None})]
    assert each.news == [("started", "j1"), ("data", "j1", {"data": None})]


def test_a_refusal_is_told_and_forgotten_at_the_next_start(each: Rig) -> None:
    each.subscriptions.follow("j1")
    each.wire.made[0].end(SubscriptionRefused("no such field"))

    assert each.news == [("refused", "no live updates of the job j1: no such field")]
    assert list(each.subscriptions.refused) == ["j1"]
    each.wire.made[0].started()
    assert each.subscriptions.refused == {}


def test_the_refusal_of_a_job_that_ended_is_of_no_interest(each: Rig) -> None:
    each.subscriptions.follow("j1")
    each.wire.made[0].end(SubscriptionRefused("no such field"))
    each.subscriptions.leave("j1")

    assert each.subscriptions.refused == {}


def test_what_is_silent_for_long_is_subscribed_to_anew(each: Rig) -> None:
    for at, key in enumerate(("j1", "j2", "j3")):
        each.now = float(at)
        each.subscriptions.follow(key)
    each.now = 5.0
    each.wire.made[0].say({})
    assert each.subscriptions.silent_since() == 1.0

    each.now = 9.0
    each.subscriptions.renew(before=2.0)
    assert [one.variables["id"] for one in each.wire.made] == ["j1", "j2", "j3", "j2", "j3"]
    for renewed in each.wire.made[3:]:
        renewed.started()
    assert [one.closed for one in each.wire.made] == [False, True, True, False, False]
    assert each.subscriptions.silent_since() == 5.0


def test_the_former_tells_its_news_until_the_new_one_has_started(each: Rig) -> None:
    each.subscriptions.follow("j1")
    for now in (5.0, 10.0):
        each.now = now
        each.subscriptions.renew(before=now)
    first, former, newest = each.wire.made

    former.say({"data": None})
    assert each.news == [("data", "j1", {"data": None})]
    assert [first.closed, former.closed] == [True, False]
    newest.started()
    assert [former.closed, newest.closed] == [True, False]


@pytest.mark.parametrize(
    "end", [lambda s: s.leave("j1"), lambda s: s.close()], ids=["leave", "close"]
)
def test_the_former_ends_with_all_that_there_is(
    each: Rig, end: Callable[[Subscriptions], None]
) -> None:
    each.subscriptions.follow("j1")
    each.subscriptions.renew(before=0.0)
    end(each.subscriptions)

    assert each.wire.open() == []


def test_nothing_is_left_after_the_close(each: Rig) -> None:
    each.subscriptions.start(["j1", "j2"])
    each.subscriptions.close()
    each.subscriptions.close()

    assert each.wire.open() == []
    assert each.subscriptions.silent_since() is None
    assert each.news == []
