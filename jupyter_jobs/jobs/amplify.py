"""What an Amplify project says of its AppSync API, in each of the files that Amplify writes.

- `amplify_outputs.json` (gen 2) has it under `data`.
- `amplifyconfiguration.json` (gen 1) and `aws-exports.js` have it in names that begin with `aws_appsync_`.
- The `amplifyconfiguration.json` of Android, Swift and Flutter has it under `api.plugins.awsAPIPlugin`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jupyter_jobs.errors import ConfigurationError

__all__ = ["parse_amplify", "read_amplify"]

_GEN_2 = {
    "endpoint": "url",
    "region": "aws_region",
    "api_key": "api_key",
    "auth": "default_authorization_type",
}
_GEN_1 = {
    "endpoint": "aws_appsync_graphqlEndpoint",
    "region": "aws_appsync_region",
    "api_key": "aws_appsync_apiKey",
    "auth": "aws_appsync_authenticationType",
}
_NATIVE = {
    "endpoint": "endpoint",
    "region": "region",
    "api_key": "apiKey",
    "auth": "authorizationType",
}

# aws-exports.js is JSON behind `const awsmobile =` when Amplify has just written it, and JavaScript with other quotes
# once a formatter was there; either way each name stands at the beginning of a line or behind a brace or comma.
_EXPORTED = re.compile(
    r"""(?:^|[{,])\s*["']?(?P<name>aws_appsync_\w+)["']?\s*:\s*(?P<quote>["'])(?P<value>.*?)(?P=quote)""",
    re.MULTILINE,
)


def read_amplify(path: Path) -> dict[str, str]:
    """Return the settings in a file that Amplify wrote: `endpoint`, and what there is of `region`, `auth`, `api_key`.

    Raises:
        ConfigurationError: It cannot be read, is none of Amplify's, or knows no GraphQL API.
    """
    if path.is_dir():
        raise ConfigurationError(
            f"{path} is a folder: name the file in it, as {path / 'amplify_outputs.json'}"
        )
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(f"the Amplify file {path} cannot be read: {reason}") from error
    return parse_amplify(text, path.name)


def parse_amplify(text: str, name: str) -> dict[str, str]:
    """Return the settings in the text of such a file; as `read_amplify`.

    Args:
        text: The whole file.
        name: The file's, for errors; its ending tells JavaScript from JSON.
    """
    if Path(name).suffix in (".js", ".mjs", ".cjs", ".ts"):
        exported = {match["name"]: match["value"] for match in _EXPORTED.finditer(text)}
        return _picked(exported, _GEN_1, name)
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{name} is not JSON: {error}") from None
    if isinstance(content, dict):
        for find, names in _JSON_FORMATS:
            if (section := find(content, name)) is not None:
                return _picked(section, names, name)
    raise ConfigurationError(
        f"{name} tells of no GraphQL API: it has neither `data.url` nor `aws_appsync_graphqlEndpoint`. "
        "Is it the file that Amplify wrote, and does its project have an API?"
    )


def _gen_2(content: Mapping[str, Any], _: str) -> Mapping[str, Any] | None:
    data = content.get("data")
    return data if isinstance(data, dict) and data.get("url") else None


def _gen_1(content: Mapping[str, Any], _: str) -> Mapping[str, Any] | None:
    return content if content.get("aws_appsync_graphqlEndpoint") else None


def _native(content: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    found: Any = content
    for key in ("api", "plugins", "awsAPIPlugin"):
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        return None
    apis = {
        api: section
        for api, section in found.items()
        if isinstance(section, dict) and section.get("endpointType") == "GraphQL"
    }
    if len(apis) > 1:
        raise ConfigurationError(
            f"{name} has several GraphQL APIs ({', '.join(apis)}): pass the endpoint of one instead"
        )
    return next(iter(apis.values()), None)


_JSON_FORMATS: tuple[
    tuple[Callable[[Mapping[str, Any], str], Mapping[str, Any] | None], Mapping[str, str]], ...
] = ((_gen_2, _GEN_2), (_gen_1, _GEN_1), (_native, _NATIVE))


def _picked(section: Mapping[str, Any], names: Mapping[str, str], file: str) -> dict[str, str]:
    values = {
        setting: section[name]
        for setting, name in names.items()
        if isinstance(section.get(name), str) and section[name] not in ("", "null")
    }
    if "endpoint" not in values:
        raise ConfigurationError(
            f"{file} tells of no GraphQL API: `{names['endpoint']}` is missing or no text"
        )
    return values
