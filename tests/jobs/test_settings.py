from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.errors import ConfigurationError
from jupyter_jobs.jobs.settings import SETTINGS, resolve

SECRET = "da2-secretsecretsecretsecrets"


@pytest.mark.parametrize("name", SETTINGS)
def test_each_source_goes_before_the_next(name: str) -> None:
    variable = SETTINGS[name].variable
    arguments, environ, config = {name: "argument's"}, {variable: "variable's"}, {name: "config's"}
    file = {name: "file's"}

    def found(*said: Any) -> tuple[object, str]:
        settings = resolve(*said).with_file(file, "amplify_outputs.json")
        return settings.value(name), settings.sources[name]

    assert found(arguments, environ, config) == ("argument's", "argument")
    assert found({}, environ, config) == ("variable's", variable)
    assert found({}, {}, config) == ("config's", f"c.JobMonitor.{name}")
    assert found({}, {}, {}) == ("file's", "amplify_outputs.json")
    assert resolve({}, {}, {}).value(name) is None
    assert resolve({}, {}, {}).sources[name] == "default"


def test_settings_come_from_different_sides_at_once() -> None:
    settings = resolve(
        {"endpoint": "https://example.com/graphql", "region": None},
        {"JUPYTER_JOBS_REGION": "eu-west-1", "JUPYTER_JOBS_AUTH": " iam "},
        {"region": "us-east-1", "profile": "seed"},
    )

    assert {name: settings.value(name) for name in settings.stated} == {
        "endpoint": "https://example.com/graphql",
        "region": "eu-west-1",
        "auth": "iam",
        "profile": "seed",
    }


def test_a_blank_variable_says_nothing() -> None:
    settings = resolve({}, {"JUPYTER_JOBS_ENDPOINT": "  "}, {"endpoint": "https://example.com/g"})

    assert settings.sources["endpoint"] == "c.JobMonitor.endpoint"


@pytest.mark.parametrize(
    ("arguments", "config", "sentence"),
    [
        ({"endpoint": 7}, {}, "endpoint= takes the GraphQL URL of an API, not int"),
        ({"endpoint": " "}, {}, "endpoint= is empty"),
        ({"auth": 7}, {}, r"auth= takes ApiKeyAuth\(.*, not int"),
        ({"ca": 7}, {}, "ca= takes the path of a PEM file, not int"),
        ({"profile": 7}, {}, "profile= takes a Profile or the name of one, not int"),
        ({}, {"region": ["eu-west-1"]}, r"c\.JobMonitor\.region takes an AWS region .*, not list"),
        ({}, {"token": 7}, r"c\.JobMonitor\.token takes a string, or a function"),
        ({}, {"endpiont": "x"}, r"c\.JobMonitor\.endpiont is no setting; did you mean endpoint\?"),
        ({}, {"colour": "x"}, r"c\.JobMonitor\.colour is no setting; there are endpoint, "),
    ],
)
def test_what_cannot_be_set_is_refused(
    arguments: dict[str, Any], config: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        resolve(arguments, {}, config)


def test_a_value_may_be_more_than_text() -> None:
    auth, path = ApiKeyAuth(SECRET), Path("ca.pem")
    settings = resolve({"auth": auth, "ca": path}, {}, {"token": lambda: SECRET})

    assert (settings.value("auth"), settings.value("ca")) == (auth, path)
    assert settings.value("token")() == SECRET


def test_no_secret_is_in_what_settings_say_of_themselves() -> None:
    settings = resolve({}, {"JUPYTER_JOBS_API_KEY": SECRET}, {"token": SECRET})

    assert SECRET not in repr(settings) + str(settings.sources)
    with pytest.raises(ConfigurationError) as raised:
        resolve({}, {}, {"api_key": [SECRET]})
    assert SECRET not in str(raised.value)
