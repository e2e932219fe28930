from __future__ import annotations

from jupyter_jobs.appsync.status import ConnectionState, ConnectionStatus


def test_a_connection_begins_idle_and_its_states_are_lower_case_words() -> None:
    assert ConnectionStatus().state == "idle"
    assert [state.value for state in ConnectionState] == [
        "idle",
        "connecting",
        "connected",
        "stale",
        "reconnecting",
        "auth_failed",
        "closed",
    ]
