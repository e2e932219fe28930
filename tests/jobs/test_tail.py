from typing import Any

from jupyter_jobs.jobs.tail import FULL, LINES, NEWS, OVERDUE, QUICK, SLOW, TROUBLED, Tail


def page(*seqs: int, ended: bool = False) -> dict[str, Any]:
    return {"lines": [{"seq": seq, "text": f"line {seq}"} for seq in seqs], "ended": ended}


def asked(tail: Tail, now: float, version: int = 0) -> dict[str, Any] | None:
    question = tail.ask(now, version)
    return None if question is None else dict(question[1].variables)


def answered(tail: Tail, now: float, *seqs: int, version: int = 0) -> None:
    question = tail.ask(now, version)
    assert question is not None
    tail.take(question[0], page(*seqs), now, is_over=False)


def test_it_begins_with_the_last_lines_and_goes_on_where_it_was() -> None:
    tail = Tail("j", None)
    assert asked(tail, 0.0) == {"id": "j", "tail": LINES, "limit": LINES}
    lines = tail.take(-1, page(5, 6), 0.1, is_over=False)

    assert [line["seq"] for line in lines] == [5, 6]
    assert asked(tail, 1.0) == {"id": "j", "after": 6, "limit": LINES}


def test_what_is_known_gets_what_follows() -> None:
    assert asked(Tail("j", 40), 0.0) == {"id": "j", "after": 40, "limit": LINES}
    assert asked(Tail("j", 0), 0.0) == {"id": "j", "after": 0, "limit": LINES}


def test_it_asks_once_at_a_time() -> None:
    tail = Tail("j", None)
    assert asked(tail, 0.0)

    assert asked(tail, 1.0) is None


def test_it_asks_often_while_lines_come_and_ever_less_while_none_does() -> None:
    tail = Tail("j", 0)
    answered(tail, 0.0, 1)
    assert tail.due_at == QUICK <= 0.3

    pauses = []
    for _ in range(12):
        now = tail.due_at
        answered(tail, now)
        pauses.append(tail.due_at - now)
    assert pauses == sorted(pauses)
    assert round(pauses[-1], 9) == SLOW
    now = tail.due_at
    answered(tail, now, 2)
    assert round(tail.due_at - now, 9) == QUICK


def quiet(now: float = 100.0) -> Tail:
    """One that has asked in vain for long, the last time now."""
    tail = Tail("j", 0)
    for number in range(20):
        answered(tail, now - 60 + 3 * number)
    return tail


def test_news_of_the_job_makes_it_ask_at_once() -> None:
    tail = quiet()
    last = tail.due_at - SLOW

    assert asked(tail, last + QUICK / 2, version=7) is None
    assert asked(tail, last + QUICK, version=7)


def test_news_that_brings_no_lines_hurries_ever_less() -> None:
    tail, now, asked_at = quiet(), 100.0, []
    for version in range(1, 400):  # a job that tells twenty times a second how far it is
        now += 0.05
        if (question := tail.ask(now, version)) is not None:
            tail.take(question[0], page(), now, is_over=False)
            asked_at.append(now)

    assert 20 / NEWS <= len(asked_at) <= 2 * 20 / NEWS


def test_a_full_page_is_followed_by_the_next_at_once() -> None:
    tail = Tail("j", 1)
    answered(tail, 0.1, *range(2, LINES + 2))

    assert asked(tail, 0.1) == {"id": "j", "after": LINES + 1, "limit": LINES}


def test_a_page_of_few_long_lines_is_a_full_one() -> None:
    tail = Tail("j", 0)
    tail.ask(0.0, 0)
    tail.take(
        0, {"lines": [{"seq": 1, "text": "x" * FULL + "x"}], "ended": False}, 0.1, is_over=False
    )

    assert tail.due_at == 0.1


def test_an_answer_that_is_held_up_is_overtaken_and_then_dropped() -> None:
    tail = Tail("j", 1)
    assert tail.ask(0.0, 0)
    assert asked(tail, OVERDUE) == {"id": "j", "after": 1, "limit": LINES}

    assert len(tail.take(1, page(2, 3), OVERDUE, is_over=False)) == 2
    assert tail.take(1, page(2, 3), OVERDUE, is_over=False) == []
    tail.ask(2 * OVERDUE, 0)
    assert [line["seq"] for line in tail.take(3, page(3, 4), 9.0, is_over=False)] == [4]


def test_it_ends_with_the_logs_own_mark_once_the_job_is_over() -> None:
    tail = Tail("j", 0)
    tail.ask(0.0, 0)
    tail.take(0, page(1, ended=True), 0.1, is_over=False)  # of a run that another may follow
    assert not tail.ended

    tail.ask(1.0, 1)
    assert [line["seq"] for line in tail.take(1, page(2, ended=True), 1.1, is_over=True)] == [2]
    assert tail.ended
    assert asked(tail, 100.0, version=2) is None


def test_a_silence_is_no_end() -> None:
    tail = quiet()

    assert not tail.ended


def test_a_job_that_is_over_and_says_no_more_has_ended_its_log() -> None:
    tail = Tail("j", 0)
    tail.ask(0.0, 0)
    tail.take(0, page(1), 0.1, is_over=True)
    assert not tail.ended

    tail.ask(10.0, 0)
    tail.take(1, page(), 10.1, is_over=True)
    assert tail.ended


def test_without_an_answer_it_waits_ever_longer_and_news_changes_nothing() -> None:
    tail = Tail("j", 0)
    waits = []
    now = 0.0
    for version in range(8):
        assert tail.ask(now, version) is not None
        tail.fail(now)
        waits.append(round(tail.due_at - now, 9))
        assert asked(tail, tail.due_at - 0.01, version=100 + version) is None
        now = tail.due_at

    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (2 * QUICK, TROUBLED)
