"""The node that all tests of a run share: started in the background as soon as it is known that one needs it."""

import tempfile
import threading
import uuid

import pytest

from auditor.elasticsearch.address import Address
from auditor.elasticsearch.connection import connect
from auditor.elasticsearch.layout import KINDS
from auditor.elasticsearch.server import Server
from auditor.elasticsearch.setup import Options, setup
from auditor.elasticsearch.store import ElasticsearchStore
from tests.elasticsearch_node import Node, NodeError, missing
from tests.elasticsearch_node.proxy import Proxy
from tests.peers import unavailable


class _Shared:
    """One node for the whole run."""

    def __init__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="elasticsearch-", ignore_cleanup_errors=True)
        self.node = Node(f"{self._directory.name}/node")
        self._error = None
        self._starting = threading.Thread(target=self._start, daemon=True)
        self._starting.start()

    def _start(self):
        try:
            self.node.start()
        except Exception as error:
            self._error = error

    def url(self):
        self._starting.join()
        if self._error:
            raise NodeError(str(self._error)) from self._error
        return self.node.url

    def stop(self):
        self._starting.join()
        self.node.stop()
        self._directory.cleanup()


_shared = None


def pytest_collection_finish(session):
    global _shared
    wanted = any(map(_needs_node, session.items))
    if wanted and not session.config.option.collectonly and not missing():
        _shared = _Shared()


def _needs_node(item):
    parameters = getattr(item, "callspec", None)
    return "elasticsearch_url" in getattr(item, "fixturenames", ()) or (
        parameters is not None and "elasticsearch" in parameters.params.values()
    )


def pytest_unconfigure(config):
    if _shared is not None:
        _shared.stop()


@pytest.fixture(scope="session")
def elasticsearch_url():
    """Where the node listens. Without Java or Maven the test is skipped, and fails in CI."""
    try:
        if _shared is None:
            raise NodeError(missing())
        return _shared.url()
    except NodeError as error:
        unavailable(str(error))


@pytest.fixture(scope="session")
def _elasticsearch_stores(elasticsearch_url):
    """Stores that were set up and are empty: to set one up takes longer than most tests."""
    client = connect(Address(elasticsearch_url), {}, "/nonexistent")
    yield client, []
    client.close()


@pytest.fixture
def elasticsearch_address(_elasticsearch_stores):
    """The address of an empty store that nobody else uses."""
    client, empty = _elasticsearch_stores
    if not empty:
        address = Address(str(client.transport.node_pool.get().base_url), f"t{uuid.uuid4().hex[:12]}")
        setup(client, address, Options(replicas=0))
        empty.append(address)
    address = empty.pop()
    indices = len(client.indices.get(index=f"{address.prefix}-*"))
    yield address
    server = Server(client, address)
    for kind in KINDS:
        server.remove(kind, {"match_all": {}})
    server.bulk.close()
    # One that was rolled over in a test is not as it was.
    if len(client.indices.get(index=f"{address.prefix}-*")) == indices:
        empty.append(address)


@pytest.fixture
def direct(elasticsearch_address):
    """The empty store, by the node itself."""
    store = ElasticsearchStore(elasticsearch_address)
    yield store
    store.close()


@pytest.fixture
def proxy(elasticsearch_address):
    """What the node says passes here, and may be changed."""
    proxy = Proxy(elasticsearch_address.url)
    yield proxy
    proxy.close()
