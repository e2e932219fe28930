from __future__ import annotations

import pytest

from jupyter_jobs.backend.executors import Submission, function
from jupyter_jobs.backend.refusal import Refusal


def test_a_pickle_is_not_opened() -> None:
    function.check(Submission("r", {"function": "AAAA"}, "python"))


@pytest.mark.parametrize("payload", [{}, {"function": ""}, {"function": "no base64!"}])
def test_what_is_no_base64_is_refused(payload: dict[str, str]) -> None:
    with pytest.raises(Refusal) as caught:
        function.check(Submission("r", payload, "python"))

    assert caught.value.error_type == "InvalidJob"
