from __future__ import annotations

from email.utils import formatdate

import pytest

from jupyter_jobs.appsync.answers import read_answer
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import (
    RequestRefused,
    ServerFault,
    Throttled,
    Unauthorized,
    UnusableAnswer,
    WireError,
)
from tests.support.server import KEY

ENDPOINT = Endpoint.parse("https://api.example.com/graphql")


@pytest.mark.parametrize(
    ("status", "body", "error", "says"),
    [
        (
            200,
            b'{"data":{"f":null},"errors":[{"message":"m","errorType":"X"}]}',
            RequestRefused,
            "m",
        ),
        (200, b'{"errors":[{"errorType":"X"}]}', RequestRefused, "X"),
        (400, b'{"errors":[{"message":"Invalid JSON payload"}]}', RequestRefused, "Invalid JSON"),
        (400, b'{"errors":[{"errorType":"UnauthorizedException"}]}', Unauthorized, "auth="),
        (401, b"", Unauthorized, "no reason given"),
        (401, b'{"errors":[{"message":"Token has expired."}]}', Unauthorized, "has expired"),
        (403, b'{"errors":[{"errorType":"UnrecognizedClientException"}]}', Unauthorized, "auth="),
        (403, b'{"errors":[{"errorType":"InvalidSignatureException"}]}', Unauthorized, "auth="),
        (403, b"<html>blocked</html>", RequestRefused, "HTTP 403.*firewall"),
        (404, b"not found", RequestRefused, "HTTP 404.*/graphql"),
        (429, b"slow down", Throttled, "too many requests"),
        (429, b'{"errors":[{"message":"m"}]}', Throttled, "too many requests"),
        (500, b'{"errors":[{"message":"schema"}]}', ServerFault, "HTTP 500.*: schema"),
        (502, b"<html>", ServerFault, "HTTP 502.*text/html"),
        (200, b"<html>login</html>", UnusableAnswer, "HTTP 200.*text/html"),
        (200, b"[]", UnusableAnswer, "HTTP 200"),
        (200, b'{"data":null}', UnusableAnswer, "without GraphQL data"),
        (200, b'{"errorMessage":"m"}', UnusableAnswer, "without GraphQL data"),
        (200, b'{"data":{"f":1},"errors":{"message":"m"}}', RequestRefused, "m"),
        (403, b'{"errors":[{"message":"not you"}]}', RequestRefused, "not you"),
        (302, b"", RequestRefused, "redirects to another address.*use its URL"),
        (307, b'{"data":{"f":1}}', RequestRefused, "credentials are not sent elsewhere"),
    ],
)
def test_each_answer_means_one_error(
    status: int, body: bytes, error: type[WireError], says: str
) -> None:
    headers = {"content-type": "text/html", "x-amzn-requestid": "r-1"}

    with pytest.raises(error, match=says) as raised:
        read_answer(ENDPOINT, status, headers, body)

    assert type(raised.value) is error
    assert (raised.value.host, raised.value.request_id) == ("api.example.com", "r-1")


def test_a_signature_that_is_refused_is_known_by_its_header_too() -> None:
    headers = {"x-amzn-errortype": "InvalidSignatureException"}

    with pytest.raises(Unauthorized, match="check the key or token"):
        read_answer(ENDPOINT, 403, headers, b"")


def test_a_refusal_keeps_what_the_service_said() -> None:
    body = b'{"data":{"a":1},"errors":[{"message":"m","errorType":"X","errorInfo":{"n":1}},7]}'

    with pytest.raises(RequestRefused) as raised:
        read_answer(ENDPOINT, 200, {}, body)

    assert (raised.value.error_type, raised.value.error_info) == ("X", {"n": 1})
    assert raised.value.data == {"a": 1}
    assert len(raised.value.errors) == 1


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [("3", 3, 3), (" 0.5 ", 0.5, 0.5), (formatdate(4e9), 1e6, 4e9), (formatdate(0), 0, 0)],
)
def test_retry_after_is_seconds_or_a_date(header: str, low: float, high: float) -> None:
    with pytest.raises(Throttled) as raised:
        read_answer(ENDPOINT, 429, {"retry-after": header}, b"")

    assert raised.value.retry_after is not None
    assert low <= raised.value.retry_after <= high


@pytest.mark.parametrize("header", [None, "soon", "-3", "nan", "1e400", ""])
def test_without_a_sensible_retry_after_there_is_none(header: str | None) -> None:
    headers = {} if header is None else {"retry-after": header}

    with pytest.raises(Throttled, match="wait a little") as raised:
        read_answer(ENDPOINT, 429, headers, b"")

    assert raised.value.retry_after is None


@pytest.mark.parametrize("status", [429, 503])
def test_who_is_told_when_to_come_back_says_so(status: int) -> None:
    with pytest.raises(Throttled, match=r"api\.example\.com.*wait 21 s, then try again"):
        read_answer(ENDPOINT, status, {"retry-after": "21"}, b"<html>")


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://login.example.com/?token=eyJhbGciOi", "to https://login.example.com,"),
        ("/elsewhere", "to another address,"),
        ("https://[", "to another address,"),
    ],
)
def test_a_redirect_says_where_to_without_what_it_carries(location: str, shown: str) -> None:
    with pytest.raises(RequestRefused) as raised:
        read_answer(ENDPOINT, 302, {"location": location}, b"")

    assert shown in str(raised.value)
    assert "eyJ" not in str(raised.value)
    assert not raised.value.retryable


def test_data_counts_whatever_the_content_type_says() -> None:
    data = read_answer(ENDPOINT, 200, {"content-type": "text/plain"}, b'{"data":{"f":1}}')

    assert data == {"f": 1}


@pytest.mark.parametrize(("status", "error"), [(401, Unauthorized), (200, RequestRefused)])
def test_a_server_that_repeats_the_key_does_not_make_it_show(
    status: int, error: type[WireError]
) -> None:
    body = f'{{"errors":[{{"message":"bad key {KEY}"}}]}}'.encode()

    with pytest.raises(error) as raised:
        read_answer(ENDPOINT, status, {}, body)

    assert "da2-" not in f"{raised.value} {vars(raised.value)}"
