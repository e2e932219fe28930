from __future__ import annotations

from typing import Any

from graphql import parse
from hypothesis import given
from hypothesis import strategies as st

from jupyter_jobs.backend.realtime.audiences import Audiences, Subscriber

DOCUMENT = parse("subscription { onJobUpdate { id } }")
WORDS = st.sampled_from(["a", "b", None])
ARGUMENTS = st.dictionaries(st.sampled_from(["id", "group"]), WORDS)


def subscriber(selection: str = "s", field: str = "onJobUpdate", **arguments: Any) -> Subscriber:
    return Subscriber(field, arguments, DOCUMENT, {}, None, field, selection, print)


def test_those_of_another_value_are_not_looked_at() -> None:
    audiences = Audiences()
    for number in range(100):
        audiences.add(subscriber(group=f"g{number}"))
    mine = subscriber(group="mine")
    audiences.add(mine)

    assert audiences.find("onJobUpdate", {"group": "mine"}) == [(mine,)]


def test_those_of_equal_selections_come_together_in_their_order() -> None:
    audiences = Audiences()
    first, second, third = subscriber("x"), subscriber("y"), subscriber("x")
    for each in (first, second, third):
        audiences.add(each)

    assert audiences.find("onJobUpdate", {}) == [(first, third), (second,)]


def test_a_field_that_nobody_subscribed_to_concerns_nobody() -> None:
    audiences = Audiences()
    audiences.add(subscriber())

    assert audiences.find("onNothing", {}) == []


def test_one_is_counted_once_and_leaves_nothing_behind() -> None:
    audiences = Audiences()
    stays, goes = subscriber("x", group="g"), subscriber("y", group="g")
    for each in (stays, goes, goes):
        audiences.add(each)
    assert len(audiences) == 2

    audiences.discard(goes)
    audiences.discard(goes)
    audiences.discard(subscriber("x", "onNothing"))

    assert len(audiences) == 1
    assert audiences.find("onJobUpdate", {"group": "g"}) == [(stays,)]


@given(
    asked=st.lists(st.tuples(ARGUMENTS, st.sampled_from("xy"))),
    gone=st.sets(st.integers(0, 9)),
    selected=ARGUMENTS,
)
def test_whom_a_body_concerns_is_what_a_look_at_each_would_say(
    asked: list[tuple[dict[str, Any], str]], gone: set[int], selected: dict[str, Any]
) -> None:
    audiences = Audiences()
    all_of_them = [subscriber(selection, **arguments) for arguments, selection in asked]
    for each in all_of_them:
        audiences.add(each)
    for number in gone & set(range(len(all_of_them))):
        audiences.discard(all_of_them[number])

    found = [each for audience in audiences.find("onJobUpdate", selected) for each in audience]

    wanted = [
        each
        for number, each in enumerate(all_of_them)
        if number not in gone
        and all(selected.get(name) == value for name, value in each.arguments.items())
    ]
    assert sorted(map(id, found)) == sorted(map(id, wanted))
