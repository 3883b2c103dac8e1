"""What the page's server tells Prometheus, and whom it tells: this machine, and who has the token."""

import subprocess
import sys
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from auditor.ingest.ingest import Ingest
from auditor.ingest.progress import Notes
from auditor.sqlite.store import SqliteStore
from auditor.web.access.metrics_reader import read_token
from auditor.web.app import create_app
from auditor.web.settings import WebSettingsError
from tests.peers import needs
from tests.recordings import write_recording
from tests.web.sites import site_of

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def store(tmp_path):
    """The path of one with a recording that has ended and one that goes on; an ingest has just looked."""
    path = tmp_path / "store.sqlite"
    made = SqliteStore(path)
    ingest = Ingest(made)
    for rec in ("one", "two"):
        write_recording(tmp_path / rec, rec=rec)
        lines = (tmp_path / rec).read_bytes().splitlines()
        ingest.take(f"file:{rec}", None, [*lines, b"garbage"])
        ingest.settle(f"file:{rec}")
    Notes(made, ingest, "journal:namespace=x").looked()
    made.close()
    return path


def asked(site, client="127.0.0.1", **headers):
    with TestClient(create_app(site), base_url="http://127.0.0.1:8080", client=(client, 5000)) as browser:
        return browser.get("/metrics", headers=headers)


def numbers(answer):
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name.removeprefix("session_recording_"), *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_numbers_are_those_of_the_store_the_ledger_and_the_ingest(store):
    site = site_of(store, tokens=None)
    site.ledger.record("rita", "watch", rec="one")
    site.ledger.record("rita", "watch", rec="two")
    answer = asked(site)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    told = numbers(answer)
    assert told["store_up",] == told["ledger_up",] == 1
    assert told["recordings",] == 2
    assert told["quarantined_lines",] == 2
    assert told["ledger_entries_total", "watch"] == 2
    assert told["verdicts", "tampered"] == 0
    (looked,) = [value for (name, *_), value in told.items() if name == "ingest_last_look_timestamp_seconds"]
    assert time.time() - looked < 60
    (taken,) = [value for (name, *_), value in told.items() if name == "ingest_messages_total"]
    assert taken > 2


@needs("promtool")
def test_promtool_finds_nothing_wrong(store):
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=asked(site_of(store, tokens=None)).content,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize(
    ("client", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("192.0.2.7", {}, 401),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 401),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 401),
        ("192.0.2.7", {"Authorization": f"Bearer {TOKEN}"}, 200),
        ("192.0.2.7", {"Authorization": "Bearer "}, 401),
        ("192.0.2.7", {"Authorization": f"Bearer {TOKEN}x"}, 401),
        ("192.0.2.7", {"Authorization": f"Basic {TOKEN}"}, 401),
    ],
)
def test_who_is_elsewhere_needs_the_token(store, client, headers, status):
    answer = asked(site_of(store, tokens=None, metrics_token=TOKEN), client, **headers)
    assert answer.status_code == status
    assert ("session_recording_info" in answer.text) == (status == 200)


def test_without_a_token_in_the_settings_no_token_is_right(store):
    assert asked(site_of(store, tokens=None), "192.0.2.7", Authorization="Bearer ").status_code == 401


def test_a_page_for_one_person_has_no_numbers_for_others_of_the_machine(store):
    assert asked(site_of(store)).status_code == 404


def test_the_page_goes_without_the_package_that_writes_numbers(store, monkeypatch):
    monkeypatch.delitem(sys.modules, "auditor.web.metrics", raising=False)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    answer = asked(site_of(store, tokens=None))
    assert answer.status_code == 503
    assert "apt-get install python3-prometheus-client" in answer.text


def test_a_store_that_cannot_be_read_is_a_number(store):
    site = site_of(store, tokens=None)
    store.write_bytes(b"not a store")
    told = numbers(asked(site))
    assert told["store_up",] == 0
    assert ("recordings",) not in told


@pytest.mark.parametrize(
    "text", ["", "short\n", "two words but many of them\n", "0123456789\n0123456789\n", "ä" * 30]
)
def test_a_token_that_is_none_ends_the_start_with_one_line(tmp_path, text):
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(WebSettingsError, match="openssl rand -hex 32"):
        read_token(str(file))


def test_a_token_is_read_without_its_newline(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert read_token(str(file)) == TOKEN
    assert read_token("") == ""
    with pytest.raises(WebSettingsError, match="No such file"):
        read_token(str(tmp_path / "none"))
