from __future__ import annotations

import contextlib
import hmac

import pytest

from jupyter_jobs.appsync.auth import ApiKeyAuth, ApiKeyVerifier, Attempt, Purpose
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import Unauthorized

ATTEMPT = Attempt(Purpose.REQUEST, Endpoint.parse("https://api.example.com/graphql"))


def test_the_key_travels_in_x_api_key() -> None:
    assert ApiKeyAuth("da2-key").headers(ATTEMPT) == {"x-api-key": "da2-key"}


def test_any_of_several_keys_will_do() -> None:
    verifier = ApiKeyVerifier(["old", "new"])

    verifier.verify({"x-api-key": "old"}, Purpose.REQUEST, b"{}")
    verifier.verify({"x-api-key": "new"}, Purpose.REQUEST, b"{}")


@pytest.mark.parametrize("key", ["", "ol", "olde", "schlüssel", "\ud800"])
def test_a_key_that_is_nearly_right_is_wrong(key: str) -> None:
    with pytest.raises(Unauthorized):
        ApiKeyVerifier(["old"]).verify({"x-api-key": key}, Purpose.REQUEST, b"{}")


@pytest.mark.parametrize("key", ["first", "second", "wrong"])
def test_each_key_is_compared_whole_whatever_is_shown(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    compared: list[bytes] = []
    in_constant_time = hmac.compare_digest

    def compare(shown: bytes, known: bytes) -> bool:
        compared.append(known)
        return in_constant_time(shown, known)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    with contextlib.suppress(Unauthorized):
        ApiKeyVerifier(["first", "second"]).verify({"x-api-key": key}, Purpose.REQUEST, b"{}")

    assert compared == [b"first", b"second"]
