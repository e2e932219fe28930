import json
import random
import uuid
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jupyter_jobs.widget.columns import decode, encode

NAMES = ("id", "value")

value = st.one_of(
    st.none(),
    st.integers(-(2**53), 2**53),
    st.sampled_from([0.5, 1.0, 0.25]),
    st.text(max_size=3),
    st.tuples(st.text(max_size=2)),
)
rows = st.lists(value, max_size=30).map(lambda values: list(enumerate(values)))


def travelled(columns: Any) -> Any:
    return json.loads(json.dumps(columns))


@given(rows)
def test_rows_come_back_as_they_were(rows: list[tuple[Any, ...]]) -> None:
    back = decode(NAMES, travelled(encode(NAMES, rows)))

    assert back == [travelled(dict(zip(NAMES, row, strict=True))) for row in rows]


def column(*values: Any) -> Any:
    return encode(["value"], [(value,) for value in values]).get("value")


def test_each_column_has_the_form_that_is_short_for_it() -> None:
    assert column("a", "b", "c") == ["a", "b", "c"]
    assert column("a", "a", "a") == {"all": "a"}
    assert column("a") == ["a"]
    assert column(None, None) is None
    assert column("a", "b", "b", "a") == {"words": ["a", "b"], "at": [0, 1, 1, 0]}
    assert column(None, 0.5, None, None) == {"words": [None, 0.5], "at": [0, 1, 0, 0]}
    assert column(None, 1_795_356_310_000, 1_795_356_310_012, 1_795_356_309_999) == {
        "from": 1_795_356_310_000,
        "plus": [None, 0, 12, -1],
    }
    assert column(1, 2, 3) == [1, 2, 3]
    assert column(2_000_000, 0.5, None) == [2_000_000, 0.5, None]


def test_no_rows_are_a_number_only() -> None:
    assert encode(NAMES, []) == {"n": 0}
    assert decode(NAMES, {"n": 0}) == []


def test_what_is_alike_in_many_rows_costs_little() -> None:
    chance = random.Random(7)
    names = ("id", "name", "status", "tags", "createdAt", "error")
    rows = [
        (
            str(uuid.UUID(int=chance.getrandbits(128))),
            "simulate",
            chance.choice(["SUCCEEDED", "FAILED"]),
            ("sweep",),
            1_795_356_310_000 + n * 11,
            None,
        )
        for n in range(10_000)
    ]

    plain = len(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))
    ids = len(json.dumps([row[0] for row in rows]))
    columns = len(json.dumps(encode(names, rows)))
    assert columns - ids < 110_000
    assert columns < plain / 3
