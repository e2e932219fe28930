from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from jupyter_jobs.appsync import messages
from jupyter_jobs.appsync.messages import (
    Complete,
    ConnectionAck,
    ConnectionErrors,
    ConnectionInit,
    Data,
    Error,
    KeepAlive,
    Start,
    StartAck,
    Stop,
    Unknown,
    decode,
    encode,
    encode_data,
)
from jupyter_jobs.appsync.protocol.tables import consequence_of
from jupyter_jobs.errors import RemoteProtocolError
from tests.support.recorded import RECORDED, name

FRAMES = [
    ConnectionInit(),
    ConnectionAck(120_000),
    ConnectionErrors([{"errorType": "UnauthorizedException", "errorCode": 401}]),
    KeepAlive(),
    Start("a", '{"query":"…"}', {"host": "h", "x-api-key": "k"}),
    StartAck("a"),
    Data("a", {"data": {"onX": {"name": "Zoë"}}}),
    Error("a", [{"message": "one"}, {"message": "two"}]),
    Error("a", [{"errorType": "MaxSubscriptionsReachedError", "message": "m"}]),
    Error(None, [{"errorType": "LimitExceededError", "message": "m"}]),
    Stop("a"),
    Complete("a"),
]


@pytest.mark.parametrize("seen", RECORDED, ids=name)
def test_frames_that_were_seen_on_the_wire_are_understood(seen: dict[str, Any]) -> None:
    frame: Any = decode(json.dumps(seen["wire"]))

    assert type(frame).__name__ == seen["frame"]
    for fact in {"id", "timeout_ms"} & seen.keys():
        assert getattr(frame, fact) == seen[fact]
    if "consequence" in seen:
        assert consequence_of(frame.errors).name == seen["consequence"]


@pytest.mark.parametrize(
    "frame", FRAMES, ids=[f"{n} {frame.type}" for n, frame in enumerate(FRAMES)]
)
def test_a_frame_survives_the_way_over_the_wire(frame: messages.Frame) -> None:
    assert decode(encode(frame)) == frame
    assert decode(encode(frame).encode()) == frame


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "null",
        "1",
        '"ka"',
        "{}",
        '{"id":"a"}',
        '{"type":["ka"]}',
        '{"type":"start_ack"}',
        '{"type":"start_ack","id":""}',
        '{"type":"data","id":7,"payload":{}}',
        '{"type":"start","id":"a"}',
        '{"type":"start","id":"a","payload":{"data":{"query":"q"}}}',
        '{"type":"start","id":"a","payload":null}',
        b'{"type":"\xff"}',
        "[" * 100_000,
    ],
    ids=range(17),
)
def test_what_is_no_frame_is_the_other_sides_fault(text: str | bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="AppSync real-time protocol"):
        decode(text)


def test_json_without_measure_is_the_other_sides_fault_without_orjson(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(messages, "_loads", messages._json_loads)

    with pytest.raises(RemoteProtocolError):
        decode("[" * 100_000)
    with pytest.raises(RemoteProtocolError):
        decode(b'{"type":"\xff"}')
    assert decode(b'{"type":"ka"}') == decode('{"type":"ka"}') == KeepAlive()


def test_frames_are_read_without_orjson() -> None:
    program = (
        "import sys; sys.modules['orjson'] = None\n"
        'from jupyter_jobs.appsync.messages import decode; print(decode(b\'{"type":"ka"}\'))'
    )

    read = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert read == "KeepAlive()\n"


def test_unknown_frames_are_told_by_their_name() -> None:
    assert decode('{"type":"broadcast_error","id":1}') == Unknown("broadcast_error")


def test_a_body_without_measure_is_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_loads", messages._json_loads)

    with pytest.raises(ValueError, match="nested too deeply"):
        messages.loads(b"[" * 100_000)


@pytest.mark.parametrize("timeout", ["-1", "0", '"long"', "null"])
def test_a_senseless_timeout_is_replaced_by_the_services(timeout: str) -> None:
    text = f'{{"type":"connection_ack","payload":{{"connectionTimeoutMs":{timeout}}}}}'

    assert decode(text) == ConnectionAck(300_000)


def test_the_limit_errors_are_written_as_one_object_the_others_as_a_list() -> None:
    limit = json.loads(encode(Error("a", [{"errorType": "MaxSubscriptionsReachedError"}])))
    other = json.loads(encode(Error("a", [{"message": "no"}])))

    assert limit["payload"]["errors"] == {"errorType": "MaxSubscriptionsReachedError"}
    assert other["payload"]["errors"] == [{"message": "no"}]


def test_an_error_without_id_has_none_on_the_wire() -> None:
    assert "id" not in json.loads(encode(Error(None, [{"errorType": "LimitExceededError"}])))


def test_errors_that_are_no_objects_are_left_out() -> None:
    text = '{"type":"error","id":"a","payload":{"errors":["what",{"message":"no"},null]}}'

    assert decode(text) == Error("a", [{"message": "no"}])


@pytest.mark.parametrize("payload", ["null", "[]", '"x"', "{}"])
def test_an_error_without_a_body_is_still_an_error(payload: str) -> None:
    assert decode(f'{{"type":"error","id":"a","payload":{payload}}}') == Error("a", [])


def test_the_data_of_a_start_goes_out_as_a_string() -> None:
    text = encode(Start("a", '{"query":"q"}', {"host": "h"}))

    assert json.loads(text)["payload"]["data"] == '{"query":"q"}'


def test_the_names_of_an_authorization_are_lower_case_and_its_values_strings() -> None:
    text = (
        '{"type":"start","id":"a","payload":{"data":"{}",'
        '"extensions":{"authorization":{"Authorization":"t","n":1}}}}'
    )

    assert decode(text) == Start("a", "{}", {"authorization": "t"})


@pytest.mark.parametrize("extensions", ["null", "[]", "{}", '{"authorization":"no"}'])
def test_a_start_without_authorization_is_left_to_the_verifier(extensions: str) -> None:
    text = f'{{"type":"start","id":"a","payload":{{"data":"{{}}","extensions":{extensions}}}}}'

    assert decode(text) == Start("a", "{}", {})


def test_a_start_does_not_show_its_credentials() -> None:
    assert "secret" not in repr(Start("a", "{}", {"x-api-key": "secret"}))


def test_a_payload_that_is_text_already_makes_the_same_frame() -> None:
    payload = {"data": {"onX": {"id": 1}}}

    assert decode(encode_data('we"ird', json.dumps(payload))) == Data('we"ird', payload)


def test_half_a_character_from_a_peer_can_be_sent_back() -> None:
    encode(Complete("\ud800")).encode()


def test_nobody_sends_an_unknown_frame() -> None:
    with pytest.raises(KeyError):
        encode(Unknown("ka"))
