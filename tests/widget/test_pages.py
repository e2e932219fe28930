from jupyter_jobs.widget.pages import GONE, REMEMBERED, Answers, Pages


def test_a_page_is_new_once() -> None:
    pages = Pages()

    assert not pages
    assert pages.heard("a")
    assert not pages.heard("a")
    assert pages
    pages.left("a")
    pages.left("never seen")
    assert not pages
    assert pages.heard("a")


def test_a_silent_page_is_gone_and_one_that_speaks_stays() -> None:
    pages = Pages()
    pages.heard("silent")
    pages.heard("speaks")
    assert pages.grow_older(GONE - 1) == []
    pages.heard("speaks")

    assert pages.grow_older(2) == ["silent"]
    assert pages.grow_older(2) == []
    assert pages


def test_an_action_is_performed_once_and_its_reply_is_kept() -> None:
    answers = Answers()
    assert answers.ask("7") is True
    assert answers.ask("7") is False

    assert answers.answer("7", {"ok": True}) == 2
    assert answers.ask("7") == {"ok": True}
    assert answers.ask("8") is True


def test_only_the_last_replies_are_kept_and_what_is_under_way_is_never_forgotten() -> None:
    answers = Answers()
    assert answers.ask("under way") is True
    for n in range(REMEMBERED + 1):
        answers.ask(n)
        answers.answer(n, {"n": n})

    assert answers.ask("under way") is False
    assert answers.ask(1) == {"n": 1}
    assert answers.ask(0) is True


def test_what_a_page_was_answered_goes_with_it() -> None:
    pages = Pages()
    pages.heard("a")
    pages.answers("a").ask("7")
    assert pages.answers("a").ask("7") is False

    pages.left("a")
    pages.heard("a")
    assert pages.answers("a").ask("7") is True
    assert pages.answers("never seen").ask("7") is True
