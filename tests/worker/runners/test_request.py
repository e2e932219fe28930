from __future__ import annotations

from pathlib import Path

from tests.support.shim import run_shim, running_shim


def test_a_handler_gets_the_parameters_and_reports(tmp_path: Path) -> None:
    with running_shim(
        tmp_path / "job", "REQUEST", {}, request="Process data", params={"rows": 10, "seconds": 0}
    ) as shim:
        reports = shim.remaining()
        outcome = shim.outcome()

    assert outcome == {"status": "SUCCEEDED", "result": {"rows": 10, "total": 24}}
    assert reports[-1] == {"progress": 1.0, "done": 10.0, "total": 10.0, "message": "Done"}


def test_a_module_of_the_jobs_own_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "my_handlers.py").write_text(
        "from jupyter_jobs.worker import handler\n"
        "@handler('Mine')\n"
        "def mine(params):\n    return params\n"
    )
    payload = {"handlers": "my_handlers", "sysPath": [str(tmp_path)]}

    outcome = run_shim(tmp_path / "job", "REQUEST", payload, request="Mine")

    assert outcome == {"status": "SUCCEEDED", "result": {}}


def test_a_request_that_nobody_handles_names_what_is_broken(tmp_path: Path) -> None:
    error = run_shim(tmp_path / "job", "REQUEST", {"handlers": "missing_module"}, request="X")[
        "error"
    ]

    assert error["type"] == "UnknownRequest"
    assert "nobody handles 'X'; missing_module: ModuleNotFoundError" in error["message"]
