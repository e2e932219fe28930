"""What is read from tracebacks."""

from __future__ import annotations

import pytest

from jupyter_jobs.widget.frames import frames

OWN = '  File "/home/ada/clean.py", line 41, in parse\n    day = read(text)\n          ^^^^^^^^^^\n'
LIBRARY = (
    '  File "/usr/lib/python3.11/json/decoder.py", line 355, in decode\n    raise ValueError\n'
)
SITE = '  File "/venv/lib/site-packages/pandas/io.py", line 9, in read\n    return load(text)\n'
HEAD = "Traceback (most recent call last):\n"


def test_the_call_nearest_to_the_error_comes_first_with_its_place_and_its_line() -> None:
    found = frames(f"{HEAD}{OWN}{SITE}{LIBRARY}ValueError: bad\n")

    assert [frame.place for frame in found] == ["decoder.py:355", "io.py:9", "clean.py:41"]
    assert [frame.is_library for frame in found] == [True, True, False]
    assert (found[2].name, found[2].source) == ("parse", "day = read(text)")


def test_of_a_chain_of_errors_the_last_ones_calls_count() -> None:
    during = "During handling of the above exception, another exception occurred:"

    found = frames(f"{HEAD}{SITE}KeyError: 'x'\n\n{during}\n\n{HEAD}{OWN}ValueError: y")

    assert [frame.place for frame in found] == ["clean.py:41"]


def test_a_traceback_of_ipython_is_understood_with_the_line_that_it_points_at() -> None:
    text = """\x1b[31mValueError\x1b[0m    Traceback (most recent call last)
Cell \x1b[32mIn[3], line 2\x1b[0m
      1 days = load()
----> 2 clean(days)
File ~/clean.py:41, in clean(days)
     40 def clean(days):
---> 41     return parse(days)
File <frozen importlib._bootstrap>:1176, in _find(name)
ValueError: z"""

    found = frames(text)

    assert [frame.is_library for frame in found] == [True, False, False]
    assert (found[1].place, found[1].source) == ("clean.py:41", "return parse(days)")
    assert (found[2].place, found[2].source) == ("Cell In[3]:2", "clean(days)")


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("/tmp/ipykernel_4711/123.py", "cell:3"),
        ("<string>", "cell:3"),
        (r"C:\work\clean.py", "clean.py:3"),
    ],
)
def test_a_call_is_placed_by_the_name_of_its_file(file: str, place: str) -> None:
    assert frames(f'  File "{file}", line 3, in clean\nKeyError: 1')[0].place == place


@pytest.mark.parametrize("text", ["exit code 3", "", " \n-\n"])
def test_what_is_no_traceback_has_no_frames(text: str) -> None:
    assert frames(text) == []
