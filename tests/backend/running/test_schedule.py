from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from jupyter_jobs.backend.running.schedule import (
    PATIENCE_S,
    Decision,
    Ending,
    Place,
    Schedule,
    Waiting,
)


def job(id_: str, number: int = 0, **fields: object) -> Waiting:
    return Waiting(id=id_, number=number, **fields)  # type: ignore[arg-type]  # the test's own words


def names(jobs: Iterable[Waiting]) -> list[str]:
    return [each.id for each in jobs]


def started(schedule: Schedule, now: float) -> list[str]:
    return names(schedule.decide(now).start)


def test_nothing_waits_and_nothing_is_to_be_done() -> None:
    assert Schedule(2).decide(0.0) == Decision()


def test_the_highest_and_then_the_oldest_starts_while_there_is_room() -> None:
    schedule = Schedule(3)
    for number, (id_, priority) in enumerate(
        [("low", "LOW"), ("old", "MEDIUM"), ("new", None), ("high", "HIGH")]
    ):
        schedule.add(job(id_, number, priority=priority))

    assert started(schedule, 0.0) == ["high", "old", "new"]
    assert started(schedule, 0.0) == []

    schedule.release("old")
    assert started(schedule, 0.0) == ["low"]


def test_what_a_job_takes_is_given_back_once() -> None:
    schedule = Schedule(2)
    for id_ in "abc":
        schedule.add(job(id_, ord(id_), cpus=2))

    assert started(schedule, 0.0) == ["a"]
    schedule.release("a")
    schedule.release("a")
    assert started(schedule, 0.0) == ["b"]


def test_a_job_that_was_removed_does_not_start() -> None:
    schedule = Schedule(1)
    schedule.add(job("a"))
    schedule.add(job("b", 1, since=5.0, queue_timeout=1.0))
    schedule.remove("a")
    schedule.remove("b")
    schedule.remove("unknown")

    assert schedule.decide(9.0) == Decision()


def test_a_job_of_a_later_time_is_looked_at_then() -> None:
    schedule = Schedule(1)
    schedule.add(job("a", since=10.0))

    assert schedule.decide(9.9) == Decision(look_at=10.0)
    assert started(schedule, 10.0) == ["a"]


def test_a_job_starts_when_all_it_waits_for_have_succeeded() -> None:
    schedule = Schedule(9)
    schedule.add(job("after"), ["a", "b"])
    schedule.ended("a", 1.0, None)
    assert started(schedule, 1.0) == []

    schedule.ended("b", 2.0, None)

    assert started(schedule, 2.0) == ["after"]


def test_a_job_ends_when_one_that_it_waits_for_failed() -> None:
    schedule = Schedule(9)
    schedule.add(job("after"), ["a", "b"])
    schedule.ended("a", 1.0, "a failed")

    assert schedule.decide(1.0) == Decision(end=(Ending("after", reason="a failed"),))
    schedule.ended("b", 2.0, None)
    assert schedule.decide(2.0) == Decision()


def test_a_job_that_comes_after_a_failure_ends() -> None:
    schedule = Schedule(9)
    schedule.add(job("after"), ["live"], "a failed")

    assert schedule.decide(0.0).end == (Ending("after", reason="a failed"),)


def test_a_chain_of_thousands_ends_link_by_link() -> None:
    schedule = Schedule(1)
    for number in range(1, 5000):
        schedule.add(job(str(number), number), [str(number - 1)])
    schedule.ended("0", 0.0, "0 failed")

    ended = []
    while ends := schedule.decide(0.0).end:
        for ending in ends:
            ended.append(ending.id)
            schedule.ended(ending.id, 0.0, ending.reason)

    assert ended == [str(number) for number in range(1, 5000)]


def test_thousands_that_wait_for_one_end_in_parts_and_let_others_start_between() -> None:
    schedule = Schedule(1)
    for number in range(1000):
        schedule.add(job(f"{number}", number), ["one"])
    schedule.ended("one", 0.0, "one failed")

    first = schedule.decide(0.0)
    schedule.add(job("other", 1001))
    second = schedule.decide(0.0)

    assert 0 < len(first.end) < 1000
    assert first.look_at == 0.0
    assert names(second.start) == ["other"]


def test_a_job_waits_for_its_place_no_longer_than_it_may() -> None:
    schedule = Schedule(1)
    schedule.add(job("first"))
    schedule.add(job("second", 1, since=5.0, queue_timeout=10.0))

    assert schedule.decide(5.0).look_at == 15.0
    assert schedule.decide(14.9).end == ()
    assert schedule.decide(15.0) == Decision(end=(Ending("second", waited=10.0),))


def test_the_time_that_others_take_is_not_the_time_it_may_wait() -> None:
    schedule = Schedule(1)
    schedule.add(job("first"))
    schedule.add(job("second", 1, queue_timeout=10.0), ["first"])
    schedule.decide(0.0)

    assert schedule.decide(100.0) == Decision()

    schedule.ended("first", 100.0, None)
    assert schedule.decide(100.0).look_at == 110.0


def test_a_job_that_somebody_else_starts_is_not_started_but_ends() -> None:
    schedule = Schedule(9)
    schedule.add(job("a", elsewhere=True, queue_timeout=5.0))
    schedule.add(job("b", elsewhere=True), ["c"])
    schedule.ended("c", 0.0, "c failed")

    assert schedule.live == 0
    assert schedule.decide(0.0) == Decision(end=(Ending("b", reason="c failed"),), look_at=5.0)
    assert schedule.decide(5.0).end == (Ending("a", waited=5.0),)


def test_smaller_jobs_pass_one_that_needs_more_than_is_free() -> None:
    schedule = Schedule(4)
    schedule.occupy(job("running", cpus=2), 0.0)
    schedule.add(job("big", 1, cpus=4))
    schedule.add(job("small", 2))

    assert started(schedule, 0.0) == ["small"]


def test_a_job_that_was_passed_for_long_is_passed_no_more() -> None:
    schedule = Schedule(4)
    schedule.occupy(job("running", cpus=2), 0.0)
    schedule.add(job("big", 1, cpus=4))
    schedule.add(job("small", 2, since=PATIENCE_S))
    schedule.add(job("urgent", 3, since=PATIENCE_S, priority="HIGH"))

    assert started(schedule, 0.0) == []
    assert started(schedule, PATIENCE_S) == ["urgent"]

    schedule.release("running")
    schedule.release("urgent")
    assert started(schedule, PATIENCE_S) == ["big"]


def test_patience_begins_when_a_job_could_have_started() -> None:
    schedule = Schedule(4)
    schedule.occupy(job("running", cpus=2), 0.0)
    schedule.add(job("big", 1, cpus=4, since=1000.0))
    schedule.decide(1000.0)
    schedule.add(job("small", 2, since=1000.0))

    assert started(schedule, 1000.0 + PATIENCE_S - 1) == ["small"]


@given(
    st.lists(st.tuples(st.integers(1, 4), st.floats(1, 30), st.floats(0, 300)), max_size=60),
    st.integers(1, 4),
)
@settings(max_examples=50)
def test_a_big_job_starts_however_many_small_ones_come(
    small: list[tuple[int, float, float]], cpus: int
) -> None:
    schedule = Schedule(4)
    schedule.add(job("big", 0, cpus=4))
    schedule.occupy(job("first"), 0.0)
    ends = {"first": 30.0}
    now = 0.0
    arriving = sorted(((at, need, lasts) for need, lasts, at in small), reverse=True)
    while "big" not in ends and now < 400:
        while arriving and arriving[-1][0] <= now:
            _, need, lasts = arriving.pop()
            id_ = f"small {len(arriving)} {lasts}"
            schedule.add(job(id_, len(small) - len(arriving), cpus=min(need, cpus)))
        for id_ in [id_ for id_, at in ends.items() if at <= now]:
            schedule.release(id_)
        ends = {id_: at for id_, at in ends.items() if at > now}
        for each in schedule.decide(now).start:
            lasts = 1.0 if each.id == "big" else float(each.id.split()[-1])
            ends[each.id] = now + lasts
        now += 1.0

    # After its patience nobody passes it, and none of those that run takes over 30 s.
    assert "big" in ends
    assert now <= PATIENCE_S + 30 + 2


def test_a_job_that_runs_already_takes_its_part() -> None:
    schedule = Schedule(2)
    schedule.add(job("adopted"))
    schedule.occupy(job("adopted", cpus=3), 0.0)  # there were more CPUs when it was started
    schedule.add(job("a"))

    assert started(schedule, 0.0) == []
    assert schedule.live == 2
    assert "adopted" in schedule
    schedule.release("adopted")
    assert started(schedule, 0.0) == ["a"]


def test_a_place_is_after_those_that_start_before() -> None:
    schedule = Schedule(1)
    for number, (id_, priority) in enumerate(
        [("runs", "HIGH"), ("low", "LOW"), ("mid", "MEDIUM"), ("high", "HIGH")]
    ):
        schedule.add(job(id_, number, priority=priority, usual=10.0))
    schedule.decide(100.0)

    assert schedule.place("high", 104.0) == Place(0, 6.0)
    assert schedule.place("mid", 104.0) == Place(1, 16.0)
    assert schedule.place("low", 104.0) == Place(2, 26.0)
    assert schedule.place("runs", 104.0) is None
    assert schedule.place("unknown", 104.0) is None


def test_an_estimate_goes_by_the_cpus() -> None:
    schedule = Schedule(3)
    schedule.occupy(job("a", cpus=2, usual=10.0), 0.0)
    schedule.occupy(job("b", cpus=1, usual=4.0), 0.0)
    schedule.add(job("c", 1, cpus=2, usual=5.0))
    schedule.add(job("d", 2, cpus=3))
    schedule.decide(0.0)

    assert schedule.place("c", 0.0) == Place(0, 10.0)
    assert schedule.place("d", 0.0) == Place(1, 15.0)


def test_what_nobody_knows_is_not_estimated() -> None:
    schedule = Schedule(1)
    schedule.add(job("a"))
    schedule.add(job("b", 1))
    schedule.add(job("c", 2), ["b"])
    schedule.add(job("elsewhere", 3, elsewhere=True))
    schedule.decide(0.0)

    assert schedule.place("b", 0.0) == Place(0, None)
    assert schedule.place("c", 0.0) == Place(1, None)
    assert schedule.place("elsewhere", 0.0) is None


def test_a_job_that_has_to_wait_starts_no_sooner() -> None:
    schedule = Schedule(1)
    schedule.add(job("a", since=30.0))
    schedule.add(job("just now"))

    assert schedule.place("a", 10.0) == Place(0, 20.0)
    assert schedule.place("just now", 10.0) == Place(0, 0.0)


def test_the_end_of_a_job_that_took_longer_than_usual_is_expected_now() -> None:
    schedule = Schedule(1)
    schedule.occupy(job("a", usual=1.0), 0.0)
    schedule.add(job("b"))
    schedule.decide(0.0)

    assert schedule.place("b", 100.0) == Place(0, 0.0)


class Machine(RuleBasedStateMachine):
    """A schedule beside a plain list of all jobs; what it decides is held to the rules after each step."""

    SLOTS = 4

    def __init__(self) -> None:
        super().__init__()
        self.schedule = Schedule(self.SLOTS)
        self.now = 0.0
        self.jobs: list[Waiting] = []
        self.after: dict[str, set[str]] = {}
        self.since: dict[str, float] = {}
        self.state: dict[str, str] = {}

    def live(self, *states: str) -> list[Waiting]:
        return [each for each in self.jobs if self.state[each.id] in states]

    def used(self) -> int:
        return sum(each.cpus for each in self.live("running"))

    def may_start(self, each: Waiting) -> bool:
        met = all(self.state[id_] == "succeeded" for id_ in self.after[each.id])
        return self.state[each.id] == "waiting" and met and self.since[each.id] <= self.now

    @rule(
        priority=st.sampled_from(["HIGH", "MEDIUM", "LOW"]),
        cpus=st.integers(1, SLOTS),
        delay=st.sampled_from([0.0, 0.0, 5.0]),
        queue_timeout=st.sampled_from([None, None, 20.0]),
        data=st.data(),
    )
    def submit(
        self,
        priority: str,
        cpus: int,
        delay: float,
        queue_timeout: float | None,
        data: st.DataObject,
    ) -> None:
        number = len(self.jobs)
        known = [each.id for each in self.jobs]
        after = data.draw(st.sets(st.sampled_from(known), max_size=3)) if known else set()
        new = job(
            str(number),
            number,
            priority=priority,
            cpus=cpus,
            since=self.now + delay,
            queue_timeout=queue_timeout,
        )
        failed = any(self.state[id_] == "failed" for id_ in after)
        unmet = [id_ for id_ in after if self.state[id_] in ("waiting", "running")]
        self.jobs.append(new)
        self.after[new.id], self.since[new.id] = after, new.since
        self.state[new.id] = "waiting"
        self.schedule.add(new, unmet, "failed" if failed else None)

    @rule(data=st.data(), well=st.booleans())
    def end(self, data: st.DataObject, well: bool) -> None:
        if running := self.live("running"):
            each = data.draw(st.sampled_from(running))
            self.schedule.release(each.id)
            self.ended(each.id, well)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if waiting := self.live("waiting"):
            self.ended(data.draw(st.sampled_from(waiting)).id, False)

    @rule(data=st.data(), delay=st.sampled_from([0.0, 8.0]))
    def run_again(self, data: st.DataObject, delay: float) -> None:
        if running := self.live("running"):
            each = data.draw(st.sampled_from(running))
            self.schedule.release(each.id)
            self.state[each.id], self.since[each.id] = "waiting", self.now + delay
            again = job(
                each.id, each.number, priority=each.priority, cpus=each.cpus, since=self.now + delay
            )
            self.jobs[each.number] = again
            self.schedule.add(again)

    @rule(seconds=st.sampled_from([1.0, 30.0, 90.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    def ended(self, id_: str, well: bool) -> None:
        self.state[id_] = "succeeded" if well else "failed"
        for each in self.live("waiting"):
            if id_ in self.after[each.id]:
                self.since[each.id] = max(self.since[each.id], self.now)
        self.schedule.ended(id_, self.now, None if well else "failed")

    @invariant()
    def decide(self) -> None:
        decision = self.schedule.decide(self.now)
        for each in decision.start:
            assert self.may_start(each), "it was not its time"
            late = self.since[each.id] + (each.queue_timeout or 1e9)
            assert self.now < late, "it had waited too long"
            self.state[each.id] = "running"
        assert self.used() <= self.SLOTS
        for ending in decision.end:
            assert self.state[ending.id] == "waiting"
            self.ended(ending.id, False)
        if decision.end:
            self.decide()
        else:
            self.nothing_is_left_to_do(decision)

    def nothing_is_left_to_do(self, decision: Decision) -> None:
        left = [each for each in self.jobs if self.may_start(each)]
        free = self.SLOTS - self.used()
        for each in left:
            held = any(
                other.turn < each.turn
                and other.cpus > free
                and self.now - self.since[other.id] >= PATIENCE_S
                for other in left
            )
            assert each.cpus > free or held, f"{each} could have started"
            assert self.now < self.since[each.id] + (each.queue_timeout or 1e9)
        for each in self.live("waiting"):
            if not any(self.state[id_] != "succeeded" for id_ in self.after[each.id]):
                due = self.since[each.id]
                if due > self.now:
                    assert decision.look_at is not None
                    assert decision.look_at <= due
            assert not any(self.state[id_] == "failed" for id_ in self.after[each.id])
        assert self.schedule.live == len(self.live("waiting", "running"))


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize("count", [100, 3000])
def test_each_of_many_is_decided_once(count: int) -> None:
    schedule = Schedule(2)
    for number in range(count):
        schedule.add(job(str(number), number))

    order = []
    while start := schedule.decide(0.0).start:
        order += names(start)
        for each in start:
            schedule.release(each.id)

    assert order == [str(number) for number in range(count)]
