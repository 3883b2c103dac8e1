"""A host that may only add to the store learns whether its recordings arrive there."""

import ssl
from base64 import b64encode

import pytest

from auditor.elasticsearch.address import Address
from auditor.log_servers.plain_bulk import PlainBulk
from auditor.recordings.store_error import StoreError
from host.proof_error import ProofError
from host.proof_store import proven_in_store
from tests.certificates import self_signed
from tests.elasticsearch_node.proxy import PASS, Proxy
from tests.recordings import sessrec, stored_lines
from tests.sealing import line_of
from tests.test_rsyslog import recorded, stored

NOW = (0.0,) * 4


@pytest.fixture
def lines():
    return [line_of(each) for each in recorded("proof", 6)]


def test_what_a_log_server_has_sent_is_proven_and_stays_as_it_is(direct, elasticsearch_address, lines, tmp_path):
    bulk = PlainBulk(elasticsearch_address, {}, "/nonexistent")
    with pytest.raises(ProofError, match="nothing has sent"):
        proven_in_store(bulk, lines, NOW)
    assert stored(direct) == 4, "each is asked for once, and added"
    with pytest.raises(ProofError, match="are missing"):
        proven_in_store(bulk, lines, NOW)
    assert "sent to" in proven_in_store(bulk, lines, NOW)
    done = sessrec(tmp_path, "ingest", "--from", "elasticsearch", "--store", elasticsearch_address)
    assert (done.returncode, done.stderr) == (0, "")
    assert stored_lines(direct, "proof") == lines


def test_the_store_s_authority_is_named_in_the_environment_and_the_user_asked_for(
    elasticsearch_address, direct, tmp_path, monkeypatch, lines
):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trusted = self_signed(tmp_path)
    tls.load_cert_chain(trusted)
    known = f"Basic {b64encode(b'writer:secret').decode()}"

    def fate(method, path, body):
        asked = server.seen[-1].get("Authorization")
        return PASS if asked == known else (401, {"error": {"type": "security_exception"}, "status": 401})

    server = Proxy(elasticsearch_address.url, fate=fate, tls=tls)
    address = Address(server.url, elasticsearch_address.prefix)

    def ask(password):
        who = {"SESSREC_STORE_USERNAME": "writer", "SESSREC_STORE_PASSWORD": password}
        proven_in_store(PlainBulk(address, who, "/nonexistent"), lines, NOW)

    try:
        with pytest.raises(StoreError, match="certificate that is not trusted"):
            ask("secret")
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        with pytest.raises(StoreError, match="does not know the user"):
            ask("wrong")
        assert stored(direct) == 0
        with pytest.raises(ProofError, match="nothing has sent"):
            ask("secret")
        assert stored(direct) == len(NOW)
    finally:
        server.close()


def test_a_server_that_is_away_is_said_in_one_line():
    with pytest.raises(StoreError, match="does not answer"):
        proven_in_store(
            PlainBulk(Address("http://127.0.0.1:9"), {}, "/nonexistent"), [b'{"rec":"r","id":1,"time":1}']
        )
