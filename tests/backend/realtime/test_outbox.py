from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_jobs.backend.realtime import outbox as outbox_module
from jupyter_jobs.backend.realtime.outbox import Outbox, Room, Sink


class Wire(Sink):
    """A socket that takes so many writes."""

    def __init__(self, takes: int = 0) -> None:
        self.takes = takes
        self.writes: list[list[str]] = []
        self.on_writable: Callable[[], object] = lambda: None

    @property
    def is_writable(self) -> bool:
        return self.takes > 0

    def write(self, texts: Sequence[str]) -> None:
        self.takes -= 1
        self.writes.append(list(texts))


class Client:
    """An outbox, its socket, and whether it was told to be full."""

    def __init__(self, room: Room, takes: int = 0) -> None:
        self.wire = Wire(takes)
        self.cuts = 0
        self.outbox = Outbox(self.wire, room, self.cut)

    def cut(self) -> None:
        self.cuts += 1
        self.outbox.clear()


def test_what_is_put_at_a_time_is_written_at_a_time() -> None:
    client = Client(Room(), takes=2)

    client.outbox.put(["a"])
    client.outbox.put(["b", "c"])

    assert client.wire.writes == [["a"], ["b", "c"]]
    assert (client.outbox.frames, client.outbox.size) == (0, 0)


def test_what_the_socket_does_not_take_waits_and_goes_together() -> None:
    client = Client(Room(), takes=1)
    for text in "abcd":
        client.outbox.put([text])
    assert (client.wire.writes, client.outbox.frames, client.outbox.size) == ([["a"]], 3, 3)

    client.wire.takes = 5
    client.outbox.flush()

    assert client.wire.writes == [["a"], ["b", "c", "d"]]
    assert client.outbox.size == 0


def test_a_frame_that_comes_later_does_not_overtake() -> None:
    client = Client(Room())
    client.outbox.put(["a"])
    client.wire.takes = 1

    client.outbox.put(["b"])

    assert client.wire.writes == [["a", "b"]]


def test_a_write_is_no_larger_than_it_need_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "WRITE_LIMIT", 4)
    client = Client(Room(), takes=9)

    client.outbox.put(["aa", "bb", "ccc", "dddddd", "e"])

    assert client.wire.writes == [["aa", "bb"], ["ccc"], ["dddddd"], ["e"]]


def test_too_many_frames_are_told_once_they_wait() -> None:
    client = Client(Room(frames=3))
    client.outbox.put(["a", "b", "c"])
    assert client.cuts == 0

    client.outbox.put(["d"])

    assert client.cuts == 1


def test_too_many_bytes_are_told_once_they_wait() -> None:
    client = Client(Room(size=10))
    client.outbox.put(["x" * 10])
    assert client.cuts == 0

    client.outbox.put(["x"])

    assert client.cuts == 1


def test_what_the_socket_takes_at_once_is_never_too_much() -> None:
    client = Client(Room(frames=1, size=1, total=1), takes=2)

    client.outbox.put(["x" * 100])
    client.outbox.put(["y", "z"])

    assert (client.cuts, len(client.wire.writes)) == (0, 2)


def test_where_all_is_too_much_the_one_for_whom_most_waits_goes() -> None:
    room = Room(total=10)
    slow, slower, quick = Client(room), Client(room), Client(room, takes=9)
    slow.outbox.put(["x" * 3])
    slower.outbox.put(["x" * 6])
    quick.outbox.put(["x" * 100])
    assert (slow.cuts, slower.cuts, room.waiting) == (0, 0, 9)

    slow.outbox.put(["x" * 2])

    assert (slow.cuts, slower.cuts, quick.cuts) == (0, 1, 0)
    assert room.waiting == 5


def test_what_was_forgotten_makes_room() -> None:
    room = Room(total=10)
    gone, other = Client(room), Client(room)
    gone.outbox.put(["x" * 8])
    gone.outbox.clear()

    other.outbox.put(["x" * 8])

    assert (gone.cuts, other.cuts, room.waiting) == (0, 0, 8)


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 3), st.lists(st.text("ab", max_size=5)))
    )
)
def test_nothing_is_lost_or_turned_around_and_the_room_is_the_sum(
    steps: list[tuple[int, int, list[str]]],
) -> None:
    room = Room()
    clients = [Client(room) for _ in range(3)]
    put: list[list[str]] = [[], [], []]
    for who, takes, texts in steps:
        client = clients[who]
        client.wire.takes = takes
        client.outbox.flush()
        client.outbox.put(texts)
        put[who] += texts
        assert room.waiting == sum(each.outbox.size for each in clients)

    for client, texts in zip(clients, put, strict=True):
        client.wire.takes = len(texts) + 1
        client.outbox.flush()
        assert [text for written in client.wire.writes for text in written] == texts
    assert room.waiting == 0
