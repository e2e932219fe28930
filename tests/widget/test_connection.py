from dataclasses import replace

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.widget.connection import connection_row
from tests.support.backend import RunningBackend
from tests.support.following import following, target, until


async def test_a_connection_that_is_well_says_no_more(external_backend: RunningBackend) -> None:
    async with following(external_backend, "well") as client:
        row = connection_row(client)

    assert (row["state"], row["detail"], row["retryAt"]) == ("connected", "", None)
    assert row["attempt"] == 0
    assert row["asOf"] > 1_700_000_000_000


async def test_refused_credentials_say_what_to_do(external_backend: RunningBackend) -> None:
    wrong = "da2-wrongwrongwrongwrongwrong1"
    refused = replace(target(external_backend), auth=ApiKeyAuth(wrong))
    async with JobClient(refused, group="refused") as client:
        client.start()
        await until(client, lambda: client.connection.state == "auth_failed")

        row = connection_row(client)
    assert row["state"] == "auth_failed"
    assert "refused" in row["detail"]
    assert "monitor.reconnect()" in row["detail"]
    assert "monitor.reconnect(auth=…)" in row["detail"]
    assert wrong not in str(row)
