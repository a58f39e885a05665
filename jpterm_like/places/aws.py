"""Keys, region and endpoint for buckets, where AWS's own tools look for them: `AWS_*`, then `~/.aws`.

Only keys that stand there are read. A profile that gets its keys by signing on, from a role or from another program counts as one without keys.
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from jpterm_like.errors import escape_for_terminal
from jpterm_like.places.base import Refused, is_this_machine

REGION: Final = "us-east-1"
"""The region if none is given: services beside AWS accept it."""

_KEYS: Final = ("access_key_id", "secret_access_key", "session_token")


def settings_of_user(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the settings for obstore: keys, region, endpoint.

    Raises:
        Refused: there are no keys, or they would be sent in the clear.
    """
    profile = environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE") or "default"
    credentials = _section(environment.get("AWS_SHARED_CREDENTIALS_FILE"), home / ".aws/credentials", profile)
    name = profile if profile == "default" else f"profile {profile}"
    config = _section(environment.get("AWS_CONFIG_FILE"), home / ".aws/config", name)
    kept = {**config, **credentials}

    if environment.get("AWS_ACCESS_KEY_ID") and environment.get("AWS_SECRET_ACCESS_KEY"):
        settings = {key: environment.get(f"AWS_{key.upper()}", "") for key in _KEYS}
    else:
        settings = {key: kept.get(f"aws_{key}", "") for key in _KEYS}
    if not settings["access_key_id"] or not settings["secret_access_key"]:
        raise Refused(
            "There are no keys for buckets: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them to ~/.aws/credentials."
        )
    settings["region"] = (
        environment.get("AWS_REGION")
        or environment.get("AWS_DEFAULT_REGION")
        or kept.get("region", "")
        or REGION
    )
    endpoint = (
        environment.get("AWS_ENDPOINT_URL_S3")
        or environment.get("AWS_ENDPOINT_URL")
        or kept.get("endpoint_url", "")
    )
    if endpoint:
        settings["endpoint"] = _checked(endpoint)
    return {key: value for key, value in settings.items() if value}


def _checked(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    if "@" in parts.netloc or parts.query or not parts.hostname:
        raise Refused("AWS_ENDPOINT_URL is no address of a server: write https://HOST:PORT.")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_this_machine(parts.hostname)):
        raise Refused(
            f"{escape_for_terminal(parts.scheme)}://{escape_for_terminal(parts.hostname)} is not asked, because it would get what is "
            "written unencrypted: write AWS_ENDPOINT_URL with https://."
        )
    return endpoint


def _section(given: str | None, usual: Path, name: str) -> dict[str, str]:
    """Read a section of a file of settings; empty if it is not there."""
    path = Path(given).expanduser() if given else usual
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        raise Refused(f"{escape_for_terminal(path)} cannot be read: correct it.") from None
    return dict(parser[name]) if parser.has_section(name) else {}
