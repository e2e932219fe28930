from typing import Any

import pytest

from jupyter_jobs.errors import ConfigurationError
from jupyter_jobs.jobs.config import JobConfig


def test_the_defaults_are_those_that_the_documentation_names() -> None:
    config = JobConfig()

    assert config == JobConfig(
        max_retries=3,
        retry_delay=1.0,
        reconnect_backoff_multiplier=2.0,
        max_reconnect_delay=30.0,
        subscription_timeout=300.0,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_retries", -1),
        ("max_retries", 1.5),
        ("max_retries", True),
        ("max_retries", "3"),
        ("retry_delay", 0),
        ("retry_delay", float("nan")),
        ("retry_delay", "1"),
        ("reconnect_backoff_multiplier", 0.5),
        ("max_reconnect_delay", float("inf")),
        ("max_reconnect_delay", None),
        ("subscription_timeout", -300),
        ("subscription_timeout", False),
    ],
)
def test_a_value_that_cannot_work_is_named(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=name) as caught:
        JobConfig(**{name: value})

    assert repr(value) in str(caught.value)


def test_a_cap_below_the_first_wait_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"max_reconnect_delay \(2 s\).*retry_delay \(5 s"):
        JobConfig(retry_delay=5, max_reconnect_delay=2)


def test_settings_may_come_by_name() -> None:
    assert JobConfig.read({"max_retries": 0, "retry_delay": 0.2}) == JobConfig(
        max_retries=0, retry_delay=0.2
    )
    assert JobConfig.read(None) == JobConfig()
    assert JobConfig.read(config := JobConfig(max_retries=7)) is config


def test_a_name_that_is_no_setting_is_told_with_those_that_are() -> None:
    with pytest.raises(ConfigurationError, match=r"no setting 'maxRetries'.*max_retries"):
        JobConfig.read({"maxRetries": 3})
    with pytest.raises(ConfigurationError, match="not list"):
        JobConfig.read([3])  # type: ignore[arg-type]  # what a caller may do all the same
