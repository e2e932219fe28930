from __future__ import annotations

from typing import Any

import pytest

from jupyter_jobs.backend.executors import Submission, command
from jupyter_jobs.backend.refusal import Refusal


@pytest.mark.parametrize("payload", [{"args": ["sh", "-c", "true"]}, {"shell": "true | false"}])
def test_a_program_or_a_shell_line_is_accepted(payload: dict[str, Any]) -> None:
    command.check(Submission("r", payload, "python"))


@pytest.mark.parametrize(
    "payload", [{}, {"args": []}, {"args": "ls"}, {"args": ["ls", 1]}, {"shell": ""}, {"shell": 1}]
)
def test_anything_else_is_not(payload: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as caught:
        command.check(Submission("r", payload, "python"))

    assert caught.value.error_type == "InvalidJob"


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(Refusal, match="There is no program 'no-such-program'"):
        command.check(Submission("r", {"args": ["no-such-program"]}, "python"))
