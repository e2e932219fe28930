from __future__ import annotations

from jupyter_jobs.backend.refusal import Refusal


def test_a_refusal_is_its_message_and_carries_facts_for_programs() -> None:
    refusal = Refusal("VersionConflict", "It has version 3.", {"version": 3})

    assert str(refusal) == "It has version 3."
    assert (refusal.error_type, refusal.info) == ("VersionConflict", {"version": 3})
    assert Refusal("JobNotFound", "There is none.").info is None
