import argparse

import pytest

from jupyter_jobs.cli.command import add_ids, add_target, whole


def test_ids_are_one_or_many() -> None:
    one, many, any_ = (argparse.ArgumentParser() for _ in range(3))
    add_ids(one)
    add_ids(many, many=True)
    add_ids(any_, many=True, optional=True)

    assert one.parse_args(["a"]).id == "a"
    assert many.parse_args(["a", "b"]).ids == ["a", "b"]
    assert any_.parse_args([]).ids == []
    with pytest.raises(SystemExit):
        many.parse_args([])


def test_a_target_has_the_group_of_the_command() -> None:
    all_, own = argparse.ArgumentParser(), argparse.ArgumentParser()
    add_target(all_)
    add_target(own, group="terminal")

    assert all_.parse_args([]).group is None
    assert own.parse_args([]).group == "terminal"
    assert own.parse_args(["--endpoint", "http://x", "--group", "g"]).endpoint == "http://x"


def test_a_whole_number_has_a_least() -> None:
    assert whole(1)("7") == 7
    for wrong in ("0", "-1", "1.5", "many"):
        with pytest.raises(argparse.ArgumentTypeError, match=f"from 1 on, not '{wrong}'"):
            whole(1)(wrong)
