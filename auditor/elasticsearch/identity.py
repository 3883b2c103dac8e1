"""Where the Elasticsearch of the configuration is, and who we are for it. Needs no client of Elasticsearch's."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from auditor.elasticsearch.address import Address
from auditor.elasticsearch.settings import STORE_TABLE, StoreSettings
from auditor.recordings.store_error import StoreError
from recorder.configuration.config import STORE_SECTION, load

MAX_SECRET = 16 * 1024
"""Bytes of a file with a secret in it."""


def store_settings(config: str) -> StoreSettings:
    """[store] of the configuration, if there is one. Raises ConfigError."""
    return StoreSettings(load(config, STORE_SECTION, STORE_TABLE) if Path(config).exists() else {})


def server_url(address: Address, settings: StoreSettings, config: str) -> str:
    """The server that the address names, else the configuration; empty where neither does. Raises StoreError."""
    if address.url or not settings.url:
        return address.url
    read = Address.read(settings.url)
    if read is None or not read.url:
        raise StoreError(f"url in [store] of {config} is not https://HOST:PORT: {settings.url}")
    return read.url


def identity(settings: StoreSettings, environ: Mapping[str, str]) -> str | tuple[str, str] | None:
    """The API key, else the user and password, if there are any; the environment's first. Raises StoreError."""
    if key := environ.get("SESSREC_STORE_API_KEY"):
        return key
    if username := environ.get("SESSREC_STORE_USERNAME"):
        return username, environ.get("SESSREC_STORE_PASSWORD", "")
    if settings.api_key_file:
        return _secret(settings.api_key_file)
    if settings.username:
        if not settings.password_file:
            raise StoreError("[store] names a username and no password_file: write the password into one")
        return settings.username, _secret(settings.password_file)
    return None


def _secret(path: str) -> str:
    """The first line of a file that others cannot read."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(MAX_SECRET)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise StoreError(f"{path} can be read by everybody: chmod 600 it")
    return data.decode("utf-8", "replace").split("\n", 1)[0].strip()
