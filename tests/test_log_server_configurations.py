"""The configurations of log servers that we ship: valid, and with the store's address in them."""

import os
import shutil
import subprocess
import tomllib

import pytest

from auditor.elasticsearch.address import Address
from auditor.log_servers.configuration import NAMES, LogServerError, configuration
from tests.peers import needs
from tests.recordings import sessrec

STORE = Address("http://192.0.2.7:19200", "audit")
WITH_ADDRESS = [name for name in NAMES if not name.startswith("rsyslog-") and name != "fluent-bit-filter"]


@pytest.mark.parametrize("name", WITH_ADDRESS)
def test_the_store_s_address_stands_in_it(name):
    text = configuration(name, STORE)
    assert "example.test" not in text
    assert "192.0.2.7" in text
    assert "19200" in text
    assert "audit-messages" in text
    assert "sessrec-messages" not in text
    assert "https:" not in text
    assert "search.example.test" in configuration(name)


def test_the_verb_prints_it(tmp_path):
    done = sessrec(tmp_path, "store", "log-server", "rsyslog", "--store", STORE)
    assert (done.returncode, done.stdout) == (0, configuration("rsyslog", STORE))
    assert 'server="192.0.2.7" serverport="19200" usehttps="off"' in done.stdout
    done = sessrec(tmp_path, "store", "log-server", "syslog-ng")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "name a log server: rsyslog, " in done.stderr
    assert sessrec(tmp_path, "store", "log-server").returncode == 2
    assert sessrec(tmp_path, "store", "log-server", "rsyslog", "--store", "file.sqlite").returncode == 2
    with pytest.raises(LogServerError):
        configuration("nonesuch")


@needs("rsyslogd")
def test_rsyslog_takes_its_configuration(tmp_path):
    text = configuration("rsyslog", STORE).replace("/var/lib/session-recording/rsyslog", str(tmp_path))
    (tmp_path / "rsyslog.conf").write_text(text)
    environment = os.environ | {"SESSREC_STORE_PASSWORD": "secret"}
    done = subprocess.run(
        ["rsyslogd", "-N1", "-f", tmp_path / "rsyslog.conf"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if "omelasticsearch" in done.stderr and "could not load module" in done.stderr and os.environ.get("CI") != "true":
        pytest.skip("rsyslog's omelasticsearch is not installed: apt-get install rsyslog-elasticsearch")
    assert done.returncode == 0, done.stderr
    # Which file queues have room for is said to be much.
    said = [line for line in done.stderr.splitlines() if "2357" not in line]
    assert len(said) == 2, said


@needs("systemd-analyze")
def test_systemd_takes_the_units(tmp_path):
    for name in ("rsyslog-service", "rsyslog-socket", "rsyslog-resend-service", "rsyslog-resend-timer"):
        file = NAMES[name].rpartition("/")[2]
        text = configuration(name)
        for program in ("/usr/bin/sessrec", "/usr/sbin/rsyslogd"):
            text = text.replace(program, "/bin/true")
        (tmp_path / file).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *tmp_path.iterdir()],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert [line for line in done.stderr.splitlines() if "session-recording" in line] == []
    # rsyslogd that is asked to stop drops what it is just sending.
    assert "\nKillSignal=SIGKILL\n" in configuration("rsyslog-service")


@needs("luajit")
def test_fluent_bit_s_filter_finds_id_and_time(tmp_path):
    (tmp_path / "filter.lua").write_text(configuration("fluent-bit-filter"))
    (tmp_path / "test.lua").write_text(
        """
        dofile(arg[1])
        local line = '{"ver":"2.3","rec":"8cdd-d2","id":12,"pos":5,"time":1795450882.36,"timing":""}'
        local code, time, record = message("tag", {sec = 1, nsec = 0}, {MESSAGE = line})
        print(code, time.sec, time.nsec, record._document, record.line == line)
        print((message("tag", 1, {MESSAGE = "no message"})), (message("tag", 1, {})))
        """
    )
    command = [shutil.which("luajit"), tmp_path / "test.lua", tmp_path / "filter.lua"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["1\t1795450882\t360000000\t8cdd-d2-12\ttrue", "-1\t-1"]


def test_vector_s_configuration_is_toml_whose_parts_follow_each_other():
    made = tomllib.loads(configuration("vector", STORE))
    parts = {**made["sources"], **made["transforms"], **made["sinks"]}
    for each in parts.values():
        for name in each.get("inputs", ()):
            assert name.partition(".")[0] in parts
    assert made["sinks"]["store"]["bulk"] == {"action": "create", "index": "audit-messages"}
