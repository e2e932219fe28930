import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.errors import ConfigurationError
from jupyter_jobs.jobs.amplify import parse_amplify, read_amplify

URL = "https://abcdefghijklmnopqrstuvwxyz.appsync-api.eu-west-1.amazonaws.com/graphql"
KEY = "da2-amplifyamplifyamplifyampl"

GEN_2: dict[str, Any] = {
    "version": "1.4",
    "auth": {"user_pool_id": "eu-west-1_abc", "aws_region": "eu-central-1"},
    "data": {
        "url": URL,
        "aws_region": "eu-west-1",
        "api_key": KEY,
        "default_authorization_type": "AMAZON_COGNITO_USER_POOLS",
        "authorization_types": ["API_KEY", "AWS_IAM"],
    },
}
GEN_1 = {
    "aws_project_region": "eu-central-1",
    "aws_appsync_graphqlEndpoint": URL,
    "aws_appsync_region": "eu-west-1",
    "aws_appsync_authenticationType": "AMAZON_COGNITO_USER_POOLS",
    "aws_appsync_apiKey": KEY,
}
NATIVE = {
    "api": {
        "plugins": {
            "awsAPIPlugin": {
                "jobs": {
                    "endpointType": "GraphQL",
                    "endpoint": URL,
                    "region": "eu-west-1",
                    "authorizationType": "AMAZON_COGNITO_USER_POOLS",
                    "apiKey": KEY,
                },
                "pictures": {"endpointType": "REST", "endpoint": "https://example.com"},
            }
        }
    }
}
EXPORTS = (
    "/* eslint-disable */\n// WARNING: DO NOT EDIT. This file is generated.\n\n"
    f"const awsmobile = {json.dumps(GEN_1, indent=4)};\n\n\nexport default awsmobile;\n"
)
FORMATTED = f"""
const awsmobile = {{
  aws_project_region: 'eu-central-1',
  // aws_appsync_apiKey: 'da2-anoldoneanoldoneanoldone',
  aws_appsync_graphqlEndpoint:
    '{URL}',
  aws_appsync_region: 'eu-west-1',
  aws_appsync_authenticationType: 'AMAZON_COGNITO_USER_POOLS',
  aws_appsync_apiKey: '{KEY}',
}};
export default awsmobile;
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("amplify_outputs.json", json.dumps(GEN_2)),
        ("amplifyconfiguration.json", json.dumps(GEN_1)),
        ("amplifyconfiguration.json", json.dumps(NATIVE)),
        ("aws-exports.js", EXPORTS),
        ("aws-exports.js", FORMATTED),
        ("aws-exports.ts", f"export default {json.dumps(GEN_1)}"),
    ],
)
def test_each_file_that_amplify_writes_says_the_same(name: str, text: str) -> None:
    assert parse_amplify(text, name) == {
        "endpoint": URL,
        "region": "eu-west-1",
        "auth": "AMAZON_COGNITO_USER_POOLS",
        "api_key": KEY,
    }


def test_what_the_project_has_not_is_not_said() -> None:
    data = {"url": URL, "aws_region": "eu-west-1", "default_authorization_type": "AWS_IAM"}
    gen_1 = {**GEN_1, "aws_appsync_apiKey": "null"}

    assert "api_key" not in parse_amplify(json.dumps({"data": data}), "amplify_outputs.json")
    assert "api_key" not in parse_amplify(json.dumps(gen_1), "amplifyconfiguration.json")


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("amplify_outputs.json", "{", "amplify_outputs.json is not JSON"),
        ("amplify_outputs.json", "[]", "tells of no GraphQL API"),
        ("amplify_outputs.json", '{"auth": {}}', "does its project have an API"),
        ("amplify_outputs.json", '{"data": {"url": 7}}', "`url` is missing or no text"),
        ("amplifyconfiguration.json", '{"api": {"plugins": []}}', "tells of no GraphQL API"),
        ("aws-exports.js", "export default {}", "`aws_appsync_graphqlEndpoint` is missing"),
    ],
)
def test_a_file_of_another_kind_is_refused(name: str, text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        parse_amplify(text, name)


def test_a_file_with_two_apis_wants_one_chosen() -> None:
    api = {"endpointType": "GraphQL", "endpoint": URL}
    content = {"api": {"plugins": {"awsAPIPlugin": {"jobs": api, "shop": api}}}}

    with pytest.raises(ConfigurationError, match=r"several GraphQL APIs \(jobs, shop\)"):
        parse_amplify(json.dumps(content), "amplifyconfiguration.json")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "amplify_outputs.json").write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigurationError, match="No such file"):
        read_amplify(tmp_path / "missing.json")
    with pytest.raises(ConfigurationError, match="is a folder: name the file in it"):
        read_amplify(tmp_path)
    with pytest.raises(ConfigurationError, match="it is not text"):
        read_amplify(tmp_path / "amplify_outputs.json")


def test_no_refusal_shows_the_key() -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_amplify(json.dumps({"data": {"url": "", "api_key": KEY}}), "amplify_outputs.json")

    assert KEY not in str(raised.value)
