import json

import pytest

from jupyter_jobs._redact import HIDDEN, redact, redact_mapping

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyIn0.c2lnbmF0dXJl"
KEY = "da2-abcdefghijklmnopqrstuvwx"


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
    ],
)
def test_no_part_of_a_secret_is_left(text: str) -> None:
    hidden = redact(text)

    assert HIDDEN in hidden
    for secret in (KEY, JWT, "hunter2", "QUJDQUJD", "wJalrXUt"):
        assert secret not in hidden
        assert secret[:8] not in hidden


def test_ordinary_text_is_left_alone() -> None:
    text = "job 6f1c started at 14:02; header of the file: day, amount; author Ann"

    assert redact(text) == text


def test_entries_of_a_mapping_are_hidden_by_name_and_by_shape() -> None:
    shown = redact_mapping({"api_key": "short", "note": f"key {KEY}", "rows": 3})

    assert shown == {"api_key": HIDDEN, "note": f"key {HIDDEN}", "rows": 3}
