import base64
import json

import pytest

from jupyter_jobs._redact import HIDDEN, redact, redact_mapping

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyIn0.c2lnbmF0dXJl"
KEY = "da2-abcdefghijklmnopqrstuvwx"
SIGNATURE = "94d3aaceb75f82be56d85e190d39c5f1cfc1154f06dcd12ad3211ffbfe3f35af"
SESSION = "IQoJb3JpZ2luX2VjEAwaCXVzLWVhc3QtMSJGMEQCIG8l6z2amk+kD/VDTKSU6wwi25diPAiBgL=="
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/appsync/aws4_request, "
    f"SignedHeaders=accept;host;x-amz-date;x-amz-security-token, Signature={SIGNATURE}"
)
HEADERS = {"host": "h", "Authorization": SIGNED, "x-amz-security-token": SESSION}
OTHERS = {"Authorization": "let-me-in", "x-amz-security-token": "let-me-in", "api_key": "let-me-in"}
START = {
    "type": "start",
    "payload": {"data": '{"query":"q"}', "extensions": {"authorization": HEADERS, "then": OTHERS}},
}


@pytest.mark.parametrize(
    "text",
    [
        f"x-api-key: {KEY}",
        f'{{"host": "h", "x-api-key": "{KEY}"}}',
        f"Authorization: Bearer {JWT}",
        json.dumps({"payload": json.dumps({"Authorization": JWT})}),
        f"connected with {JWT} to host",
        "wss://h/graphql?header=" + "QUJD" * 12 + "&payload=e30=",
        "sub-protocols graphql-ws, header-" + "QUJD" * 12,
        "password=hunter2hunter2",
        "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
        "Authorization: let-me-in",
        "{'authorization': 'Bearer let-me-in'}",
        f"Authorization: {SIGNED}",
        f"it was signed by {SIGNED}, and refused",
        f"https://h/?X-Amz-Signature={SIGNATURE}&X-Amz-Date=20260102T030405Z",
        # As the service tells what it has expected.
        f"should have been\n'POST\n/graphql\n\naccept:*/*\nx-amz-security-token:{SESSION}\n\naccept",
        f"the session token {SESSION} has expired",
        repr(START),
        json.dumps(START),
        json.dumps(json.dumps(START)),
        json.dumps({"message": json.dumps(json.dumps(START, indent=2))}),
        "header-" + base64.urlsafe_b64encode(json.dumps(HEADERS).encode()).decode().rstrip("="),
    ],
)
def test_no_part_of_a_secret_is_left(text: str) -> None:
    hidden = redact(text)

    assert HIDDEN in hidden
    for secret in (KEY, JWT, SIGNATURE, SESSION, "let-me-in", "hunter2", "QUJDQUJD", "wJalrXUt"):
        assert secret not in hidden
        assert secret[:8] not in hidden


def test_ordinary_text_is_left_alone() -> None:
    text = "job 6f1c started at 14:02; header of the file: day, amount; author Ann"

    assert redact(text) == text


def test_entries_of_a_mapping_are_hidden_by_name_and_by_shape() -> None:
    shown = redact_mapping({"api_key": "short", "note": f"key {KEY}", "rows": 3})

    assert shown == {"api_key": HIDDEN, "note": f"key {HIDDEN}", "rows": 3}


def test_the_credentials_of_a_mode_are_hidden_entry_by_entry() -> None:
    assert redact_mapping({**HEADERS, "x-api-key": KEY, "x-amz-date": "20260102T030405Z"}) == {
        "host": "h",
        "Authorization": HIDDEN,
        "x-amz-security-token": HIDDEN,
        "x-api-key": HIDDEN,
        "x-amz-date": "20260102T030405Z",
    }


def test_what_stands_around_a_secret_is_left() -> None:
    hidden = redact(json.dumps(START))

    assert json.loads(hidden)["payload"]["extensions"] == {
        "authorization": {"host": "h", "Authorization": HIDDEN, "x-amz-security-token": HIDDEN},
        "then": dict.fromkeys(OTHERS, HIDDEN),
    }


@pytest.mark.parametrize(
    "word", ["a", "token", "eyJ", "eyJabcdefgh.", "\\", " ", 'token="', "header-"]
)
def test_a_long_text_without_a_blank_is_looked_through_in_one_go(word: str) -> None:
    # Going back at each letter, this takes hours.
    redact(word * 100_000)


def test_hiding_twice_is_hiding_once() -> None:
    hidden = redact(json.dumps(START))

    assert redact(hidden) == hidden
