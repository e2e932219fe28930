from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, introspection_from_schema

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.cli import checkup
from jupyter_jobs.cli.checkup import Finding, Mark
from jupyter_jobs.errors import ConfigurationError
from jupyter_jobs.jobs.profiles import PROFILES
from jupyter_jobs.jobs.settings import SETTINGS, resolve

SECRET = "da2-secretsecretsecretsecrets"
SEEDS = """
    type Job { id: ID! status: String result: String createdAt: String updatedAt: String }
    input SubmitJobInput { request: String! priority: String }
    type Query { nothing: String }
    type Mutation { submitJob(input: SubmitJobInput!): Job }
    type Subscription { onJobUpdate(id: ID!): Job }
"""
OTHERS = "type Query { pets: [String] }"
OWN = (Path(checkup.__file__).parents[1] / "jobs/schema.graphql").read_text("utf-8")


def introspected(sdl: str) -> dict[str, Any]:
    scalars = "scalar AWSJSON scalar AWSDateTime "
    return dict(introspection_from_schema(build_schema(scalars + sdl, assume_valid_sdl=True)))


def texts(findings: Any, mark: Mark) -> list[str]:
    return [f"{finding.about}: {finding.text}" for finding in findings if finding.mark is mark]


# Versions.


def test_what_is_installed_is_told_with_its_version() -> None:
    [jobs, missing] = checkup.versions("jupyter_jobs", "no-such-package")

    assert (jobs.mark, jobs.text[0].isdigit()) == (Mark.GOOD, True)
    assert missing == Finding(
        Mark.WRONG, "no-such-package", "not installed: pip install no-such-package"
    )


@pytest.mark.parametrize(
    ("name", "version", "mark", "sentence"),
    [
        ("ipykernel", "7.0.1", Mark.WRONG, "pip install 'ipykernel>=7.1'"),
        ("ipykernel", "6.30.1", Mark.NOTE, "clicks in the panel wait"),
        ("ipykernel", "7.1.0", Mark.GOOD, "7.1.0"),
        ("botocore", None, Mark.WRONG, "pip install 'jupyter_jobs[aws]'"),
    ],
)
def test_a_version_that_matters_is_explained(
    name: str, version: str | None, mark: Mark, sentence: str
) -> None:
    finding = checkup.package(name, version)

    assert (finding.mark, finding.about) == (mark, name)
    assert sentence in finding.text


# Settings.


def test_each_setting_is_told_with_its_source_and_no_secret() -> None:
    found = resolve(
        {"endpoint": "https://me:word@example.com/graphql", "auth": ApiKeyAuth(SECRET)},
        {"JUPYTER_JOBS_API_KEY": SECRET, "JUPYTER_JOBS_CA_BUNDLE": "/nowhere/ca.pem"},
        {"token": lambda: SECRET, "profile": PROFILES["seed"]},
    )

    told = {finding.about: finding.text for finding in checkup.settings(found, {})}
    assert list(told) == list(SETTINGS)
    assert told["endpoint"] == "https://example.com/graphql, from argument"
    assert told["auth"] == "ApiKeyAuth, from argument"
    assert told["api_key"] == "set, from JUPYTER_JOBS_API_KEY"
    assert told["token"] == "set, from c.JobMonitor.token"
    assert told["profile"] == "seed, from c.JobMonitor.profile"
    assert told["ca"] == "/nowhere/ca.pem (there is no such file), from JUPYTER_JOBS_CA_BUNDLE"
    assert told["region"] == "not set"
    assert SECRET not in str(told)


def test_a_file_that_is_not_read_is_told() -> None:
    said = {
        "JUPYTER_JOBS_ENDPOINT": "https://example.com/graphql",
        "JUPYTER_JOBS_AMPLIFY": "a.json",
    }
    found = resolve({}, said, {})

    [odd] = texts(checkup.settings(found, {}), Mark.ODD)
    assert odd.startswith("amplify: the file is not read, for JUPYTER_JOBS_ENDPOINT names")


def test_what_comes_from_a_file_is_told() -> None:
    values = {"endpoint": "https://example.com/graphql", "api_key": SECRET}
    found = resolve({"amplify": "amplify_outputs.json"}, {}, {}).with_file(values, "outputs.json")

    assert {finding.about: finding.text for finding in checkup.file(found)} == {
        "endpoint": "https://example.com/graphql, from outputs.json",
        "api_key": "set, from outputs.json",
    }


def test_settings_that_wait_for_an_endpoint_are_told() -> None:
    found = resolve({}, {"JUPYTER_JOBS_AUTH": "iam"}, {"region": "eu-west-1"})

    [odd] = texts(checkup.settings(found, {}), Mark.ODD)
    assert "so JUPYTER_JOBS_AUTH, c.JobMonitor.region has no effect" in odd


def test_a_variable_that_is_nearly_a_setting_is_told() -> None:
    environ = {
        "JUPYTER_JOBS_ENDPONT": "x",
        "JUPYTER_JOBS_APIKEY": SECRET,
        "JUPYTER_JOBS_DATA_DIR": "x",
        "JUPYTER_JOBS_ZZZ": "x",
        "JUPYTER_ENDPOINT": "x",
    }

    assert texts(checkup.settings(resolve({}, {}, {}), environ), Mark.ODD) == [
        "environment: JUPYTER_JOBS_APIKEY has no effect; did you mean JUPYTER_JOBS_API_KEY?",
        "environment: JUPYTER_JOBS_ENDPONT has no effect; did you mean JUPYTER_JOBS_ENDPOINT?",
    ]


def test_the_configuration_of_notebooks_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    assert checkup.notebook_config() == {}

    file = tmp_path / "profile_default" / "ipython_config.py"
    file.parent.mkdir()
    file.write_text("c = get_config()\nc.JobMonitor.region = 'eu-west-1'\n")
    assert checkup.notebook_config() == {"region": "eu-west-1"}

    file.write_text(f"raise RuntimeError('token={SECRET}')")
    with pytest.raises(ConfigurationError, match=r"ipython_config\.py raises RuntimeE") as raised:
        checkup.notebook_config()
    assert SECRET not in str(raised.value)


# The proxy.


def test_the_proxy_in_use_is_told_without_its_password() -> None:
    proxies = {"https": "http://me:word@proxy.example:3128", "http": "http://other.example"}

    remote, here = Endpoint.parse("https://a.example/g"), Endpoint.parse("http://localhost:8/g")
    assert checkup.proxy(remote, proxies) == " through the proxy http://proxy.example:3128"
    assert checkup.proxy(remote, {"all": "socks5://p:1"}) == " through the proxy socks5://p:1"
    assert checkup.proxy(remote, {}) == ""
    assert checkup.proxy(here, proxies) == ""


# The schema.


def test_the_packages_own_schema_fits_its_own_profile() -> None:
    [finding] = checkup.schema(introspected(OWN), PROFILES["jupyter_jobs"])

    assert finding.mark is Mark.GOOD


def test_an_api_of_the_seeds_kind_is_recognised() -> None:
    [finding] = checkup.schema(introspected(SEEDS), PROFILES["jupyter_jobs"])

    assert finding.mark is Mark.WRONG
    assert 'pass profile="seed" or set JUPYTER_JOBS_PROFILE=seed' in finding.text


def test_what_an_api_of_the_seeds_kind_cannot_do_is_told() -> None:
    findings = list(checkup.schema(introspected(SEEDS), PROFILES["seed"]))

    assert findings[0].mark is Mark.GOOD
    assert "schema: without cancelJob: a job runs to its own end" in texts(findings, Mark.NOTE)


def test_an_operation_that_the_api_lacks_is_told() -> None:
    without = "\n".join(line for line in OWN.splitlines() if "cancelJob" not in line)
    findings = list(checkup.schema(introspected(without), PROFILES["jupyter_jobs"]))

    assert findings[0].mark is Mark.GOOD
    assert texts(findings, Mark.NOTE) == ["schema: without cancelJob: a job runs to its own end"]


def test_a_schema_of_another_kind_wants_a_profile() -> None:
    [finding] = checkup.schema(introspected(OTHERS), PROFILES["jupyter_jobs"])

    assert finding.mark is Mark.WRONG
    assert "write a Profile for it" in finding.text
