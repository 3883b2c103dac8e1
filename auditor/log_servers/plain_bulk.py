"""Documents into Elasticsearch by Python's own means: hosts that send have no client of Elasticsearch's, which
distributions do not carry.

https://www.elastic.co/guide/en/elasticsearch/reference/8.19/docs-bulk.html
"""

import base64
import json
import os
import ssl
from collections.abc import Iterable, Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from auditor.elasticsearch.address import Address
from auditor.elasticsearch.identity import identity, server_url, store_settings
from auditor.recordings.store_error import StoreError, StoreUnavailableError
from recorder.configuration.settings import CONFIG_FILE

TIMEOUT = 60.0
"""Seconds for an answer."""

MAX_BYTES = 1024 * 1024
"""Of one request, where a document is not larger."""

_PATH = "/_bulk?timeout=20s&filter_path=items.*.status,items.*.error.type,items.*.error.reason"


class Document(NamedTuple):
    """One to be created, by its id, in the index `target`. `alias`: the target must be one."""

    target: str
    id: str
    body: bytes
    alias: bool = False


class Answer(NamedTuple):
    """What became of it: HTTP status, 201 or 409 where it is there now, and an error's type and reason."""

    status: int
    type: str = ""
    reason: str = ""


class PlainBulk:
    """Writes to one server, as whom the environment or the configuration says. SSL_CERT_FILE or `ca_file` of the
    configuration names an authority that the system does not trust."""

    def __init__(self, address: Address, environ: Mapping[str, str] = os.environ, config: str = CONFIG_FILE) -> None:
        """Nothing is sent yet. Raises StoreError, and ConfigError for the configuration."""
        settings = store_settings(config)
        self.address = address
        url = server_url(address, settings, config)
        if not url:
            raise StoreError(f"no Elasticsearch is named: write url into [store] in {config}, or give its address")
        self._url = urlsplit(url)
        self._tls = None
        if self._url.scheme == "https":
            try:
                self._tls = ssl.create_default_context(cafile=settings.ca_file or None)
            except OSError as error:
                raise StoreError(f"{settings.ca_file}: {error.strerror}; ca_file in [store] names it") from error
        self._headers = {"Content-Type": "application/x-ndjson"} | _authorization(identity(settings, environ))

    def create(self, documents: Iterable[Document]) -> list[Answer]:
        """Create all of them; the answers stand as the documents do. Raises StoreError when one is not taken now."""
        return [answer for request in _requests(documents) for answer in self._send(request)]

    def _send(self, documents: list[Document]) -> list[Answer]:
        body = b"".join(line + b"\n" for each in documents for line in (_head(each), each.body))
        status, data = self._post(body)
        if status == 413 and len(documents) == 1:
            return [Answer(413, "too_large", "larger than what Elasticsearch, or a proxy before it, takes")]
        if status == 413:
            half = len(documents) // 2
            return self._send(documents[:half]) + self._send(documents[half:])
        answers = self._read(data) if status == 200 else [Answer(status, reason=_text(data))] * len(documents)
        for answer in answers:
            if answer.status in (401, 403, 404, 429) or answer.status >= 500 or status != 200:
                raise self._refusal(answer)
        return answers

    def _post(self, body: bytes) -> tuple[int, bytes]:
        host, port = self._url.hostname or "", self._url.port
        connection = (
            HTTPConnection(host, port, timeout=TIMEOUT)
            if self._tls is None
            else HTTPSConnection(host, port, timeout=TIMEOUT, context=self._tls)
        )
        try:
            connection.request("POST", _PATH, body, self._headers)
            response: HTTPResponse = connection.getresponse()
            return response.status, response.read()
        except ssl.SSLCertVerificationError as error:
            raise StoreError(
                f"Elasticsearch at {self.address} has a certificate that is not trusted: name the authority's with "
                f"ca_file in [store], or SSL_CERT_FILE in the environment ({error.verify_message})"
            ) from error
        except (OSError, HTTPException) as error:
            raise StoreUnavailableError(
                f"Elasticsearch at {self.address} does not answer: start it, or name another ({error})"
            ) from error
        finally:
            connection.close()

    def _read(self, data: bytes) -> list[Answer]:
        try:
            items = [next(iter(item.values())) for item in json.loads(data)["items"]]
            errors = [item.get("error") or {} for item in items]
            return [
                Answer(item["status"], error.get("type", ""), error.get("reason", ""))
                for item, error in zip(items, errors, strict=True)
            ]
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
            raise StoreError(
                f"Elasticsearch at {self.address} is something else: Elasticsearch 8 is needed"
            ) from error

    def _refusal(self, answer: Answer) -> StoreError:
        name = f"Elasticsearch at {self.address}"
        reason = f"{answer.status} {answer.reason}".strip()
        if answer.status == 401:
            return StoreError(f"{name} does not know the user or key: see [store] in the configuration")
        if answer.status == 403:
            return StoreError(f"{name} does not let this user do that: give the role the privilege ({reason})")
        if answer.status == 404:
            return StoreError(
                f"{name} has no store yet: `sessrec store setup --store {self.address}` makes it ({reason})"
            )
        if answer.status == 429 or answer.status >= 500:
            return StoreUnavailableError(f"{name} does not take it now: try again later ({reason})")
        return StoreError(f"{name} refuses what it was asked: {reason}")


def _authorization(who: str | tuple[str, str] | None) -> dict[str, str]:
    if who is None:
        return {}
    if isinstance(who, str):
        return {"Authorization": f"ApiKey {who}"}
    return {"Authorization": f"Basic {base64.b64encode(':'.join(who).encode()).decode()}"}


def _requests(documents: Iterable[Document]) -> Iterator[list[Document]]:
    request: list[Document] = []
    size = 0
    for each in documents:
        length = len(each.body) + len(each.id) + 100
        if request and size + length > MAX_BYTES:
            yield request
            request, size = [], 0
        request.append(each)
        size += length
    if request:
        yield request


def _head(document: Document) -> bytes:
    head: dict[str, Any] = {"_index": document.target, "_id": document.id}
    if document.alias:
        # Else a store that was not set up would come into being with whatever mapping Elasticsearch guesses.
        head["require_alias"] = True
    return json.dumps({"create": head}).encode()


def _text(data: bytes) -> str:
    return data[:200].decode("utf-8", "replace").replace("\n", " ")
