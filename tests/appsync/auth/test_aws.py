from __future__ import annotations

import logging
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jupyter_jobs.appsync.auth import aws
from jupyter_jobs.errors import ConfigurationError, Unauthorized

URL = "https://example1234567890000.appsync-api.us-east-1.amazonaws.com/graphql"
HOST = "example1234567890000.appsync-api.us-east-1.amazonaws.com"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()
GIVEN = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "SESSIONTOKEN")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without AWS credentials, and the folder where some can be put."""
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


def signature(found: aws.Found) -> dict[str, str]:
    headers = {"content-type": "application/json", "host": HOST}
    return aws.sign(found, URL, headers, b"{}", region="us-east-1", service="appsync", now=NOW)


def keys_of(found: aws.Found) -> tuple[str, str, str | None]:
    frozen = found.credentials.get_frozen_credentials()
    return frozen.access_key, frozen.secret_key, frozen.token


def test_those_given_are_used_as_they_are() -> None:
    found = aws.find(GIVEN, None)

    assert keys_of(found) == GIVEN
    assert found.region is None
    assert not found.may_wait


def test_an_object_as_boto3_has_it_is_used_as_it_is() -> None:
    given = aws.find(GIVEN, None).credentials

    assert aws.find(given, None).credentials is given


def test_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDFROMENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    assert keys_of(aws.find(None, None)) == ("AKIDFROMENV", "secret", None)


def test_a_profile_gives_credentials_and_region(files: Path) -> None:
    (files / "credentials").write_text(
        "[team]\naws_access_key_id = AKIDTEAM\naws_secret_access_key = secret\n"
    )
    (files / "config").write_text("[profile team]\nregion = eu-central-1\n")

    found = aws.find(None, "team")

    assert keys_of(found) == ("AKIDTEAM", "secret", None)
    assert found.region == "eu-central-1"


def test_the_environment_may_name_profile_and_region(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (files / "credentials").write_text(
        "[team]\naws_access_key_id = AKIDTEAM\naws_secret_access_key = secret\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "team")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")

    assert keys_of(aws.find(None, None))[0] == "AKIDTEAM"
    assert aws.find(None, None).region == "us-west-2"

    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert aws.find(None, None).region == "eu-west-3"


def test_temporary_ones_are_awaited_when_they_are_about_to_expire(files: Path) -> None:
    def found_after(left: timedelta) -> aws.Found:
        expiry = (datetime.now(UTC) + left).isoformat()
        script = files / "process.py"
        script.write_text(
            'print(\'{"Version":1,"AccessKeyId":"ASIATEMPORARY","SecretAccessKey":"secret",'
            f'"SessionToken":"session","Expiration":"{expiry}"}}\')'
        )
        (files / "config").write_text(
            f"[default]\ncredential_process = {sys.executable} {script}\n"
        )
        return aws.find(None, None)

    assert keys_of(found_after(timedelta(hours=1))) == ("ASIATEMPORARY", "secret", "session")
    assert not found_after(timedelta(hours=1)).may_wait
    assert found_after(timedelta(minutes=1)).may_wait


def test_where_there_are_none_the_error_says_where_they_were_looked_for(files: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        aws.find(None, None)

    assert str(refusal.value) == (
        "no AWS credentials were found: neither in the environment (AWS_ACCESS_KEY_ID), nor for the profile 'default' "
        f"in {files}/credentials and {files}/config, nor from a container or an instance; log in as by "
        "`aws sso login`, set AWS_PROFILE, or give IamAuth(profile=…)"
    )


def test_a_profile_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"profile \(team\) could not be found; `aws conf"):
        aws.find(None, "team")


def test_half_a_key_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDFROMENV")

    with pytest.raises(ConfigurationError, match="Partial credentials found in env"):
        aws.find(None, None)


def test_those_that_cannot_be_had_now_ask_for_a_new_login(files: Path) -> None:
    (files / "config").write_text(
        "[profile team]\nsso_start_url = https://example.awsapps.com/start\nsso_region = eu-west-1\n"
        "sso_account_id = 111122223333\nsso_role_name = dev\n"
    )

    with pytest.raises(Unauthorized, match="`aws sso login --profile team`, then reconnect"):
        signature(aws.find(None, "team"))


def test_what_is_signed_is_listed_and_dated() -> None:
    assert signature(aws.find(GIVEN, None)) == {
        "x-amz-date": "20260102T030405Z",
        "x-amz-security-token": "SESSIONTOKEN",
        "Authorization": (
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/appsync/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, "
            "Signature=a41b2ccd43aecc1b27068676bced8435c6ff2ca8987176f225564e8d1e05ea95"
        ),
    }


@pytest.mark.parametrize("token", [None, ""])
def test_without_a_session_token_there_is_no_header_for_one(token: str | None) -> None:
    assert "x-amz-security-token" not in signature(aws.find((*GIVEN[:2], token), None))


def test_signing_leaves_no_trace_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    signed = signature(aws.find(GIVEN, None))

    for secret in (*GIVEN[1:], signed["Authorization"][-64:]):
        assert secret not in caplog.text


def test_without_botocore_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.credentials", None)

    with pytest.raises(ConfigurationError, match=r"pip install 'jupyter_jobs\[aws\]'"):
        aws.find(None, None)
