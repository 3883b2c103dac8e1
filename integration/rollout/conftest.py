"""Stores of Elasticsearch that the lab's client reaches."""

import re
import ssl
from base64 import b64encode

import pytest

from auditor.elasticsearch.address import Address
from auditor.elasticsearch.connection import connect
from auditor.elasticsearch.server import Server
from auditor.elasticsearch.setup import Options, setup
from integration.client_network import reachable_in_client
from tests.certificates import self_signed
from tests.elasticsearch_node import Node, missing
from tests.elasticsearch_node.proxy import PASS, Proxy
from tests.peers import unavailable

PASSWORD = """a'pass\\word"$HOME%é:`"""


@pytest.fixture(scope="module")
def elasticsearch(tmp_path_factory, client):
    """A store with nothing in it that the client reaches."""
    if problem := missing():
        unavailable(problem)
    node = Node(tmp_path_factory.mktemp("elasticsearch"))
    node.start()
    address = Address.read(f"{node.url}/rollout")
    with reachable_in_client(port_of(node.url)):
        store = Server(connect(address, {}, "/nonexistent"), address)
        setup(store.client, address, Options(replicas=0))
        yield store
        store.close()
    node.stop()


@pytest.fixture(scope="module")
def store(tmp_path_factory, elasticsearch):
    """What the role is told of it: by TLS, with an authority that nobody else knows, and with a password."""
    trusted = self_signed(tmp_path_factory.mktemp("store"))
    certificate = trusted.with_name("ca.crt")
    certificate.write_text(re.search(r"-----BEGIN CERT.*", trusted.read_text(), re.DOTALL)[0])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(trusted)
    credentials = b64encode(f"session-recording-writer:{PASSWORD}".encode()).decode()

    def fate(method, path, body):
        known = guard.seen[-1].get("Authorization") == f"Basic {credentials}"
        return PASS if known else (401, {"error": {"type": "security_exception"}, "status": 401})

    guard = Proxy(elasticsearch.address.url, fate=fate, tls=tls)
    with reachable_in_client(port_of(guard.url)):
        yield {
            "session_recording_host_store": f"{guard.url}/{elasticsearch.address.prefix}",
            "session_recording_host_store_password": PASSWORD,
            "session_recording_host_store_ca": str(certificate),
        }
    guard.close()


def port_of(url):
    """The port in an address."""
    return int(url.rpartition(":")[2])
