from __future__ import annotations

import pytest

from jupyter_jobs.worker.samples import process_data


def test_the_sample_adds_up_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    result = process_data({"rows": 10, "seconds": 0})

    assert result == {"rows": 10, "total": 24}
    assert capsys.readouterr().out == "10 rows, total 24\n"
