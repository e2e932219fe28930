from typing import Any

from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget.fallback import ROWS, html, sentence


def filled(*statuses: str, **more: Any) -> JobStore:
    store = JobStore()
    for n, status in enumerate(statuses):
        store.merge(
            {"id": f"secret-id-{n}", "version": 1, "status": status, "name": f"job {n}", **more}
        )
    return store


def test_the_sentence_puts_trouble_first() -> None:
    store = filled("SUCCEEDED", "RUNNING", "FAILED", "SUCCEEDED")

    assert sentence(store) == "1 failed, 1 running, 2 succeeded"
    assert sentence(JobStore()) == "no jobs yet"


def test_the_html_holds_no_id_and_no_time() -> None:
    page = html(
        filled("SUCCEEDED", createdAt="2026-11-22T10:00:00Z", startedAt="2026-11-22T10:00:00Z")
    )

    assert "secret-id" not in page
    assert "2026" not in page
    assert "job 0" in page


def test_what_a_job_says_is_text() -> None:
    store = filled("FAILED", error='{"type": "E", "message": "<script>alert(1)</script>"}')

    assert "<script>" not in html(store)
    assert "&lt;script&gt;" in html(store)


def test_ten_thousand_jobs_stay_below_20_kilobytes() -> None:
    page = html(filled(*["SUCCEEDED"] * 10_000))

    assert len(page.encode()) < 20_000
    assert f"{10_000 - ROWS:,} more" in page
