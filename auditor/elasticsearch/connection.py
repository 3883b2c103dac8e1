"""The connection to Elasticsearch: who we are for it, and what its errors mean for whoever reads them."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from elastic_transport import ConnectionTimeout, TlsError, TransportError
from elasticsearch import ApiError, Elasticsearch, UnsupportedProductError

from auditor.elasticsearch.address import Address
from auditor.elasticsearch.identity import identity, server_url, store_settings
from auditor.elasticsearch.refusal import NO_SERVER, item_error
from auditor.recordings.store import StoreError, StoreUnavailableError
from recorder.configuration.settings import CONFIG_FILE

TIMEOUT = 60.0
"""Seconds for an answer: a bulk request waits for the disk, and others only when something is wrong."""


def connect(address: Address, environ: Mapping[str, str] = os.environ, config: str = CONFIG_FILE) -> Elasticsearch:
    """A client for the server; nothing is sent yet. Raises StoreError, and ConfigError for the configuration.

    SESSREC_STORE_API_KEY, or SESSREC_STORE_USERNAME and SESSREC_STORE_PASSWORD, come before the configuration's.
    """
    settings = store_settings(config)
    options: dict[str, Any] = {
        "request_timeout": TIMEOUT,
        # A request that was not answered may have been carried out; all of ours can be sent twice.
        "max_retries": 2,
        "retry_on_timeout": False,
        "retry_on_status": (502, 503, 504),
    }
    if url := server_url(address, settings, config):
        options["hosts"] = [url]
    elif settings.cloud_id:
        options["cloud_id"] = settings.cloud_id
    else:
        raise StoreError(NO_SERVER.format(config))
    if settings.ca_file:
        options["ca_certs"] = settings.ca_file
    if who := identity(settings, environ):
        options["api_key" if isinstance(who, str) else "basic_auth"] = who
    try:
        return Elasticsearch(**options)
    except (ValueError, OSError) as error:
        raise StoreError(f"Elasticsearch cannot be reached as it is configured: {error}") from error


@contextmanager
def errors(address: Address) -> Iterator[None]:
    """What goes wrong inside is a StoreError that says what to do."""
    try:
        yield
    except (ApiError, TransportError, UnsupportedProductError) as error:
        raise store_error(error, address) from error


def store_error(error: Exception, address: Address) -> StoreError:
    """What an error of the client means."""
    name = f"Elasticsearch at {address}"
    if isinstance(error, ApiError):
        reason = str(_cause(error).get("reason") or error.message).splitlines()[0]
        return item_error(address, error.status_code, str(_cause(error).get("type", "")), reason)
    if isinstance(error, UnsupportedProductError):
        return StoreError(f"{name} is something else: Elasticsearch 8 is needed")
    if isinstance(error, TlsError):
        return StoreError(
            f"{name} has a certificate that is not trusted: name the authority's with ca_file in [store] "
            f"({_first_line(error)})"
        )
    if isinstance(error, ConnectionTimeout):
        return StoreUnavailableError(f"{name} does not answer within {TIMEOUT:.0f} s: see how it is doing")
    return StoreUnavailableError(f"{name} does not answer: start it, or name another ({_first_line(error)})")


def _cause(error: ApiError) -> Mapping[str, Any]:
    body = error.body
    cause = body.get("error") if isinstance(body, dict) else None
    return cause if isinstance(cause, dict) else {}


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "message", ""))
    return text.splitlines()[0][:200] if text else type(error).__name__
