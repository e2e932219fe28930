import contextvars
import sys
import threading

from jupyter_jobs.widget.publishing import Publisher
from tests.support.backend import PATIENCE_S

cell: contextvars.ContextVar[str] = contextvars.ContextVar("cell", default="none")


def heard(publisher: Publisher, page: str, message: str) -> None:
    def handle() -> None:
        cell.set(message)
        publisher.heard(page)

    contextvars.copy_context().run(handle)


def published(publisher: Publisher) -> str:
    seen: list[str] = []
    publisher.publish(lambda: seen.append(cell.get()))
    return seen[0]


def test_without_a_page_it_is_nobodys() -> None:
    publisher = Publisher()
    cell.set("a cell")

    assert published(publisher) == "none"


def test_it_is_that_of_the_page_that_spoke_last() -> None:
    publisher = Publisher()
    heard(publisher, "a", "a1")
    heard(publisher, "b", "b1")
    assert published(publisher) == "b1"

    heard(publisher, "a", "a2")
    assert published(publisher) == "a2"
    publisher.forget("a")
    assert published(publisher) == "b1"
    publisher.forget("b")
    publisher.forget("b")
    assert published(publisher) == "none"


def test_what_is_published_changes_no_context_for_the_next() -> None:
    publisher = Publisher()
    heard(publisher, "a", "a1")
    publisher.publish(cell.set, "changed")

    assert published(publisher) == "a1"


def test_two_threads_may_publish_at_once_and_one_within_the_other() -> None:
    publisher = Publisher()
    heard(publisher, "a", "a1")
    both = threading.Barrier(2)
    seen: list[str] = []

    def publish() -> None:
        both.wait(PATIENCE_S)
        seen.append(cell.get())
        publisher.publish(lambda: seen.append(cell.get()))

    threads = [threading.Thread(target=publisher.publish, args=(publish,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == ["a1"] * 4


def test_a_page_that_speaks_again_is_known_to_every_thread_meanwhile() -> None:
    publisher = Publisher()
    heard(publisher, "a", "a1")
    speaking = threading.Thread(target=lambda: [heard(publisher, "a", "a1") for _ in range(20_000)])
    seen = {published(publisher)}
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        speaking.start()
        while speaking.is_alive():
            seen.add(published(publisher))
    finally:
        sys.setswitchinterval(before)

    assert seen == {"a1"}
