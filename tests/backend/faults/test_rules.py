from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.backend.faults import FAULTS, Faults, read_plan
from jupyter_jobs.errors import ConfigurationError


def faults(*rules: dict[str, Any], seed: int = 7) -> Faults:
    return Faults({"seed": seed, "rules": list(rules)})


def taken(chooser: Faults, occasion: str, times: int, **facts: Any) -> list[bool]:
    return [chooser.choose(occasion, **facts) is not None for _ in range(times)]


def test_without_rules_nothing_happens() -> None:
    assert not any(taken(Faults(), fault.occasion, 3)[0] for fault in FAULTS.values())


@pytest.mark.parametrize("name", FAULTS)
def test_each_kind_is_chosen_at_its_occasion_with_its_defaults(name: str) -> None:
    fault = FAULTS[name]

    chosen = faults({"fault": name}).choose(fault.occasion, age_ms=0)

    assert chosen is not None
    assert (chosen.fault, dict(chosen.parameters)) == (name, dict(fault.parameters))
    assert all(
        faults({"fault": name}).choose(other.occasion, age_ms=0) is None
        for other in FAULTS.values()
        if other.occasion != fault.occasion
    )


def test_a_rule_lets_some_pass_and_takes_so_many() -> None:
    chooser = faults({"fault": "drop", "after": 2, "count": 3})

    assert taken(chooser, "data", 7) == [False, False, True, True, True, False, False]


def test_a_share_is_about_that_and_the_same_for_the_same_seed() -> None:
    rule = {"fault": "drop", "share": 0.25}
    one, same, other = (faults(rule, seed=seed) for seed in (1, 1, 2))

    choices = taken(one, "data", 1000)

    assert 200 < sum(choices) < 300
    assert taken(same, "data", 1000) == choices
    assert taken(other, "data", 1000) != choices


def test_one_rule_does_not_change_what_another_draws() -> None:
    drop = {"fault": "drop", "share": 0.5}
    alone = taken(faults(drop), "data", 50)
    both = faults(drop, {"fault": "cut", "share": 0.5})

    beside = []
    for _ in range(50):
        beside += taken(both, "data", 1)
        both.choose("request")

    assert beside == alone


def test_the_first_rule_that_wants_an_occasion_has_it() -> None:
    chooser = faults({"fault": "drop", "count": 1}, {"fault": "delay"})

    assert [chooser.choose("data").fault for _ in range(2)] == ["drop", "delay"]


@pytest.mark.parametrize(
    ("where", "facts", "happens"),
    [
        ({"operation": "submitJob"}, {"operation": ["submitJob"]}, True),
        ({"operation": "submitJob"}, {"operation": ["listJobs", "submitJob"]}, True),
        ({"operation": ["submitJob", "getJob"]}, {"operation": ["getJob"]}, True),
        ({"operation": "submitJob"}, {"operation": ["listJobs"]}, False),
        ({"operation": "submitJob"}, {}, False),
        ({"connection": 2}, {"connection": 2}, True),
        ({"connection": 2, "status": "RUNNING"}, {"connection": 2, "status": "QUEUED"}, False),
    ],
)
def test_facts_must_be_as_the_rule_says(
    where: dict[str, Any], facts: dict[str, Any], happens: bool
) -> None:
    chooser = faults({"fault": "cut", "where": where})

    assert (chooser.choose("request", **facts) is not None) is happens


def test_a_pair_is_drawn_from_each_time() -> None:
    chooser = faults({"fault": "delay", "ms": [10, 20]})

    drawn = {chooser.choose("data")["ms"] for _ in range(20)}

    assert len(drawn) == 20
    assert all(10 <= ms <= 20 for ms in drawn)


def test_events_are_lost_only_when_their_subscription_is_young() -> None:
    chooser = faults({"fault": "lose", "ms": 300})

    assert [chooser.choose("data", age_ms=age) is not None for age in (0, 299, 300)] == [
        True,
        True,
        False,
    ]


def test_what_happened_is_counted_by_kind_and_told_when_the_plan_changes() -> None:
    chooser = faults({"fault": "drop", "count": 2}, {"fault": "cut", "when": "after"})
    for occasion in ("data", "data", "request"):
        chooser.note(chooser.choose(occasion))

    assert chooser.done == {"cut after": 1, "drop": 2}
    assert chooser.replace({}) == {"cut after": 1, "drop": 2}
    assert (chooser.done, chooser.generation) == ({}, 2)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ([], '"rules"'),
        ({"rule": []}, '"rules"'),
        ({"rules": {}}, '"rules"'),
        ({"rules": ["drop"]}, 'rule 1 of the faults, "drop"'),
        ({"rules": [{"fault": "drop"}, {"fault": "explode"}]}, "rule 2"),
        ({"rules": [{"fault": "explode"}]}, "one of drop, duplicate"),
        ({"rules": [{"fault": "drop", "shared": 1}]}, "takes share, after, count, where"),
        ({"rules": [{"fault": "drop", "share": 2}]}, "number from 0 to 1"),
        ({"rules": [{"fault": "drop", "count": -1}]}, "'count'"),
        ({"rules": [{"fault": "drop", "count": True}]}, "'count'"),
        ({"rules": [{"fault": "drop", "where": "here"}]}, "object of facts"),
        ({"rules": [{"fault": "delay", "ms": "long"}]}, "'ms' must be a number from 0"),
        ({"rules": [{"fault": "delay", "ms": None}]}, "'ms' must be a number from 0"),
        ({"rules": [{"fault": "delay", "ms": [3, 1]}]}, "pair [low, high]"),
        ({"rules": [{"fault": "cut", "when": "never"}]}, "before or after"),
        ({"rules": [{"fault": "refuse_start", "message": 1}]}, "text"),
    ],
)
def test_a_wrong_plan_names_the_rule_and_leaves_the_former_one(plan: Any, said: str) -> None:
    chooser = faults({"fault": "drop"})

    with pytest.raises(ConfigurationError) as refused:
        chooser.replace(plan)

    assert said in str(refused.value)
    assert chooser.choose("data") is not None


def test_a_plan_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "plan").write_text('{"seed": 1}')
    (tmp_path / "wrong").write_text("{")

    assert read_plan(tmp_path / "plan") == {"seed": 1}
    for name in ("wrong", "missing"):
        with pytest.raises(ConfigurationError, match=name):
            read_plan(tmp_path / name)
