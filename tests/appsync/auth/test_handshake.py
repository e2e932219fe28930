from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_jobs.appsync.auth import read_authorization, subprotocols

OBJECT = {"host": "api.example.com", "x-api-key": "da2-~~~???>>>"}
TEXT = b'{"host":"api.example.com","x-api-key":"da2-~~~???>>>"}'


@settings(deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z-]{1,9}", fullmatch=True), st.text()))
def test_any_authorization_survives_the_sub_protocol(authorization: dict[str, str]) -> None:
    offered = subprotocols(authorization)

    assert offered[0] == "graphql-ws"
    assert re.fullmatch(r"header-[A-Za-z0-9_-]+", offered[1])
    assert read_authorization(offered, {}, {}) == authorization


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(TEXT).decode(),
        base64.b64encode(TEXT).decode().rstrip("="),
        base64.urlsafe_b64encode(TEXT).decode(),
        base64.urlsafe_b64encode(TEXT).decode().rstrip("="),
        base64.b64encode(TEXT).decode().replace("+", " "),
    ],
    ids=["standard", "unpadded", "url", "url unpadded", "plus unescaped"],
)
def test_either_base64_is_read_from_sub_protocol_and_query(text: str) -> None:
    assert read_authorization(["graphql-ws", f"header-{text}"], {}, {}) == OBJECT
    assert read_authorization(["graphql-ws"], {"header": text}, {}) == OBJECT


@pytest.mark.parametrize("name", ["X-Api-Key", "authorization"])
def test_plain_headers_are_read_in_lower_case(name: str) -> None:
    read = read_authorization(["graphql-ws"], {}, {"Host": "h", name: "secret"})

    assert read == {"host": "h", name.lower(): "secret"}


def test_the_sub_protocol_goes_before_the_query_and_that_before_headers() -> None:
    offered, query = subprotocols({"a": "1"}), {"header": "eyJhIjoiMiJ9"}

    assert read_authorization(offered, query, {"x-api-key": "3"}) == {"a": "1"}
    assert read_authorization([], query, {"x-api-key": "3"}) == {"a": "2"}


def test_a_handshake_without_credentials_has_none() -> None:
    assert read_authorization(["graphql-ws"], {"payload": "e30="}, {"Host": "h"}) is None


@pytest.mark.parametrize("text", ["", "!", "a", "W10", "bm8", "/w", "ü"])
def test_what_cannot_be_read_is_a_bad_credential_and_not_a_missing_one(text: str) -> None:
    assert read_authorization([f"header-{text}"], {}, {}) == {}


def test_values_that_are_no_strings_are_left_out() -> None:
    text = base64.b64encode(b'{"Host":"h","n":1}').decode()

    assert read_authorization([], {"header": text}, {}) == {"host": "h"}
