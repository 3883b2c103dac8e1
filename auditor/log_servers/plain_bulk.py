"""Documents into Elasticsearch by Python's own means: hosts that send have no client of Elasticsearch's, which
distributions do not carry.
"""

import base64
import json
import os
import ssl
from collections.abc import Iterable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

from auditor.elasticsearch.actions import ANSWER, SHARD_TIMEOUT, Action, Result, lines, requests, result
from auditor.elasticsearch.address import Address
from auditor.elasticsearch.identity import identity, server_url, store_settings
from auditor.elasticsearch.refusal import NO_SERVER, item_error
from auditor.recordings.store_error import StoreError, StoreUnavailableError
from recorder.configuration.settings import CONFIG_FILE

TIMEOUT = 60.0
"""Seconds for an answer."""

_NOT_NOW = (401, 403, 404, 429)

_PATH = f"/_bulk?timeout={SHARD_TIMEOUT}&filter_path={ANSWER}"


class PlainBulk:
    """Writes to one server, as whom the environment or the configuration says. SSL_CERT_FILE or `ca_file` of the
    configuration names an authority that the system does not trust."""

    def __init__(self, address: Address, environ: Mapping[str, str] = os.environ, config: str = CONFIG_FILE) -> None:
        """Nothing is sent yet. Raises StoreError, and ConfigError for the configuration."""
        settings = store_settings(config)
        self.address = address
        url = server_url(address, settings, config)
        if not url:
            raise StoreError(NO_SERVER.format(config))
        self._url = urlsplit(url)
        self._tls = None
        if self._url.scheme == "https":
            try:
                self._tls = ssl.create_default_context(cafile=settings.ca_file or None)
            except OSError as error:
                raise StoreError(f"{settings.ca_file}: {error.strerror}; ca_file in [store] names it") from error
        self._headers = {"Content-Type": "application/x-ndjson"} | _authorization(identity(settings, environ))

    def write(self, actions: Iterable[Action]) -> list[Result]:
        """Carry all of them out; the results stand as the actions do. Raises StoreError when one is not taken now."""
        return [found for request in requests(actions) for found in self._send(request)]

    def _send(self, actions: list[Action]) -> list[Result]:
        status, data = self._post(b"".join(line + b"\n" for action in actions for line in lines(action)))
        if status == 413 and len(actions) == 1:
            return [Result(413, "too_large", "larger than what Elasticsearch, or a proxy before it, takes")]
        if status == 413:
            half = len(actions) // 2
            return self._send(actions[:half]) + self._send(actions[half:])
        if status != 200:
            raise item_error(self.address, status, "", _text(data))
        results = self._read(data)
        for found in results:
            if found.status in _NOT_NOW or found.status >= 500:
                raise item_error(self.address, found.status, found.type, found.reason)
        return results

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

    def _read(self, data: bytes) -> list[Result]:
        try:
            return [result(next(iter(item.values()))) for item in json.loads(data)["items"]]
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
            raise StoreError(
                f"Elasticsearch at {self.address} is something else: Elasticsearch 8 is needed"
            ) from error


def _authorization(who: str | tuple[str, str] | None) -> dict[str, str]:
    if who is None:
        return {}
    if isinstance(who, str):
        return {"Authorization": f"ApiKey {who}"}
    return {"Authorization": f"Basic {base64.b64encode(':'.join(who).encode()).decode()}"}


def _text(data: bytes) -> str:
    return data[:200].decode("utf-8", "replace").replace("\n", " ")
