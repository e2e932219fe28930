from __future__ import annotations

import pytest

from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import ConfigurationError

ID = "abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("url", "realtime", "region"),
    [
        (
            f"https://{ID}.appsync-api.eu-west-1.amazonaws.com/graphql",
            f"wss://{ID}.appsync-realtime-api.eu-west-1.amazonaws.com/graphql",
            "eu-west-1",
        ),
        (
            f"https://{ID}.appsync-api.cn-north-1.amazonaws.com.cn/graphql",
            f"wss://{ID}.appsync-realtime-api.cn-north-1.amazonaws.com.cn/graphql",
            "cn-north-1",
        ),
        (
            f"https://{ID}.appsync-api.us-gov-west-1.amazonaws.com/graphql",
            f"wss://{ID}.appsync-realtime-api.us-gov-west-1.amazonaws.com/graphql",
            "us-gov-west-1",
        ),
        ("https://api.example.com/graphql", "wss://api.example.com/graphql/realtime", None),
        (
            "https://x.appsync-api.eu-west-1.amazonaws.com.example.org/graphql",
            "wss://x.appsync-api.eu-west-1.amazonaws.com.example.org/graphql/realtime",
            None,
        ),
        (
            "https://example.com:8443/v1/graphql/",
            "wss://example.com:8443/v1/graphql/realtime",
            None,
        ),
        ("http://127.0.0.1:8000/graphql", "ws://127.0.0.1:8000/graphql/realtime", None),
        ("  HTTPS://API.Example.com/graphql\n", "wss://api.example.com/graphql/realtime", None),
    ],
)
def test_the_realtime_url_follows_from_the_graphql_url(
    url: str, realtime: str, region: str | None
) -> None:
    endpoint = Endpoint.parse(url)

    assert (endpoint.realtime, endpoint.region) == (realtime, region)


def test_authorization_speaks_of_the_graphql_host_with_its_port() -> None:
    assert Endpoint.parse(f"https://{ID}.appsync-api.eu-west-1.amazonaws.com/graphql").host == (
        f"{ID}.appsync-api.eu-west-1.amazonaws.com"
    )
    assert Endpoint.parse("http://localhost:8000/graphql").host == "localhost:8000"


@pytest.mark.parametrize(
    "url", ["https://api.example.com:443/graphql", "http://localhost:80/graphql"]
)
def test_a_port_that_the_host_header_leaves_out_is_left_out(url: str) -> None:
    assert ":" not in Endpoint.parse(url).host


def test_a_realtime_url_that_is_given_is_taken_as_it_is() -> None:
    endpoint = Endpoint.parse(
        f"https://{ID}.appsync-api.us-iso-east-1.c2s.ic.gov/graphql", "wss://rt.example.com/ws"
    )

    assert endpoint.realtime == "wss://rt.example.com/ws"


@pytest.mark.parametrize(
    ("url", "is_loopback"),
    [
        ("http://localhost:1/graphql", True),
        ("http://127.3.2.1/graphql", True),
        ("http://[::1]:80/graphql", True),
        ("https://localhost.example.com/graphql", False),
        ("https://10.0.0.1/graphql", False),
    ],
)
def test_this_machine_is_known_by_its_addresses(url: str, is_loopback: bool) -> None:
    assert Endpoint.parse(url).is_loopback is is_loopback


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("", "must begin with https://"),
        ("api.example.com/graphql", "must begin with https://"),
        (f"wss://{ID}.appsync-realtime-api.eu-west-1.amazonaws.com/graphql", "not wss://"),
        (
            f"https://{ID}.appsync-realtime-api.eu-west-1.amazonaws.com/graphql",
            "use the GraphQL URL",
        ),
        ("https:///graphql", "name a host"),
        ("https://api.example.com", "no path"),
        ("https://api.example.com/", "no path"),
        ("http://api.example.com/graphql", "in the clear"),
        ("https://user:secret@api.example.com/graphql", "credentials belong into auth="),
        ("https://api.example.com/graphql?key=secret", "credentials belong into auth="),
        ("https://api.example.com/graphql#secret", "credentials belong into auth="),
        ("https://api.example.com:port/graphql", "cannot be read"),
        ("https://[::1/graphql", "cannot be read"),
    ],
)
def test_a_url_that_cannot_work_is_refused_with_advice(url: str, advice: str) -> None:
    with pytest.raises(ConfigurationError, match=advice) as refusal:
        Endpoint.parse(url)

    assert "secret" not in str(refusal.value)


def test_a_realtime_url_without_encryption_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"real-time URL.*in the clear.*wss://"):
        Endpoint.parse("https://api.example.com/graphql", "ws://rt.example.com/ws")


def test_equal_urls_make_equal_endpoints() -> None:
    one, other = "https://API.example.com/graphql/", "https://api.example.com/graphql"

    assert Endpoint.parse(one) == Endpoint.parse(other)
