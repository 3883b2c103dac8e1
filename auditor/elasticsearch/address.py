"""Where an Elasticsearch store is: `https://host:9200/prefix`, as it stands behind --store."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from auditor.recordings.store_error import StoreError

PREFIX = "sessrec"
"""What the names of the indices begin with, unless the address says otherwise."""

_PREFIX = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")


class AddressError(StoreError):
    """What was given as the address of a store is none; the text says what to write."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Address:
    """`url` of the server, empty where the configuration names it (by url or cloud_id); the indices' `prefix`."""

    url: str
    prefix: str = PREFIX

    @classmethod
    def read(cls, text: str) -> "Address | None":
        """The address that a text is; None where it looks like the name of a file. Raises AddressError."""
        scheme, colon, rest = text.partition(":")
        if scheme == "elasticsearch" and (not colon or rest):
            return cls("", _prefix(rest, text) if colon else PREFIX)
        if scheme not in ("http", "https") or not rest.startswith("//"):
            return None
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise AddressError(f"{text}: {error}; write https://HOST:9200/PREFIX") from error
        if parts.username is not None or parts.password is not None:
            raise AddressError(
                "a user or password in an address can be read by everybody on this machine: write them into files "
                "that [store] in the configuration names"
            )
        if not parts.hostname or parts.query or parts.fragment:
            raise AddressError(f"{text} is not the address of a store: write https://HOST:9200/PREFIX")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        prefix = parts.path.strip("/")
        return cls(f"{scheme}://{host}:{port or 9200}", _prefix(prefix, text) if prefix else PREFIX)

    def __str__(self) -> str:
        return f"{self.url}/{self.prefix}" if self.url else f"elasticsearch:{self.prefix}"


def _prefix(prefix: str, text: str) -> str:
    if not _PREFIX.fullmatch(prefix):
        raise AddressError(f"{text}: a prefix has small letters, digits and _.- only: write https://HOST:9200/PREFIX")
    return prefix
