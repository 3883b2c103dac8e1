"""`sessrec doctor` names what is wrong on a machine with the command that mends it, and nothing where all is well."""

import json
import os
import subprocess
import sys
import time

import pytest

import sessrec
from auditor import doctor as auditor_doctor
from auditor import doctor_store
from auditor.ingest.ingest import Ingest
from auditor.ingest.progress import PREFIX, Notes, Progress
from auditor.sqlite.store import SqliteStore
from auditor.web import settings as web_settings
from host import doctor as host_doctor
from host.status_check import Check
from ipa_plugin import doctor as server_doctor
from ipa_plugin import install
from recorder import doctor
from recorder.configuration.host_settings import HostSettings
from recorder.doctor import Finding
from tests.certificates import self_signed
from tests.recorded import ROOT
from tests.recordings import write_recording
from tests.test_ipa_install import Played

WELL = Finding("host", "audit", "ok", "2 rules for 1 users")
WRONG = Finding("host", "service", "critical", "session-recorder is failed", "systemctl restart session-recorder")


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """Makes modules of parts: whether one is present, and its findings."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(doctor, "PARTS", {})
    monkeypatch.setattr(doctor.examined, "__defaults__", (doctor.PARTS,))
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def add(name, findings=(), *, present=True, missing=""):
        module = f"{name}_of_{tmp_path.name}"
        doctor.PARTS[name] = module
        sys.modules.pop(module, None)
        found = f"import {missing}" if missing else f"yield from {list(findings)!r}"
        (tmp_path / f"{module}.py").write_text(
            "from recorder.doctor import Finding\n"
            f"def present(): return {present}\ndef findings():\n  {found}\n  yield from ()\n"
        )

    return add


def run(capsys, *arguments):
    status = sessrec.main(["doctor", *arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_what_is_wrong_is_one_line_and_its_command_another(parts, capsys):
    parts("host", [WELL, WRONG])
    status, printed, _ = run(capsys)
    assert status == 2
    assert [line.split(maxsplit=3) for line in printed.splitlines()[:1]] == [
        ["critical", "host", "service", "session-recorder is failed"]
    ]
    assert printed.splitlines()[1].strip() == "systemctl restart session-recorder"
    assert printed.splitlines()[2:] == ["host: 2 things were looked at, 1 wrong"]


def test_where_all_is_well_it_says_how_much_was_looked_at(parts, capsys):
    parts("host", [WELL])
    assert run(capsys) == (0, "host: 1 things were looked at, none wrong\n", "")
    assert "2 rules for 1 users" in run(capsys, "--all")[1]


def test_a_warning_is_status_1_and_the_gravest_counts(parts, capsys):
    parts("host", [WELL, WRONG._replace(level="warning")])
    assert run(capsys)[0] == 1
    parts("auditor", [WRONG])
    assert run(capsys)[0] == 2


def test_json_has_everything(parts, capsys):
    parts("host", [WELL, WRONG])
    status, printed, _ = run(capsys, "--json")
    assert status == 2
    assert json.loads(printed) == {"level": "critical", "findings": [WELL._asdict(), WRONG._asdict()]}


def test_what_is_named_by_others_cannot_speak_to_the_terminal(parts, capsys):
    parts("host", [WRONG._replace(text="\x1b[2J", command="vi '\x1b]0;x\x07'")])
    assert "\x1b" not in run(capsys)[1]


def test_parts_that_are_not_here_are_left_out(parts, capsys):
    parts("host", [WELL])
    parts("server", [WRONG], present=False)
    doctor.PARTS["auditor"] = "no_such_package.doctor"
    assert run(capsys)[:2] == (0, "host: 1 things were looked at, none wrong\n")


def test_a_part_whose_python_package_is_missing_says_which(parts, capsys):
    parts("auditor", missing="starlette_of_no_distribution")
    status, printed, _ = run(capsys)
    assert status == 2
    assert "apt-get install python3-starlette_of_no_distribution" in printed
    parts("auditor", present=False, missing="starlette_of_no_distribution")
    assert run(capsys)[0] == 3


@pytest.mark.parametrize("name", list(doctor.PARTS.values()))
def test_code_of_a_part_that_is_not_set_up_needs_no_package_to_say_so(name):
    """As on a host, which has the auditors' code from a checkout, and not what that needs."""
    code = f"import {name}; {name}.present()"
    done = subprocess.run(
        ["/usr/bin/python3", "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_where_nothing_is_set_up_it_says_how_to_begin(parts, capsys):
    parts("host", present=False)
    status, printed, said = run(capsys)
    assert (status, printed) == (3, "")
    assert said.count("\n") == 1
    assert "sessrec host install" in said


def test_without_root_nobody_can_say(capsys, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert run(capsys) == (3, "", "sessrec: must be run as root\n")


def test_a_host_without_services_of_ours_is_looked_at_without_a_traceback():
    code = "import host.doctor; list(host.doctor.findings())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


# A recorded host


def test_every_check_that_is_not_well_has_a_command(monkeypatch):
    checks = [Check("a", "warning", "wrong", "mend it"), Check("b", "ok", "well", "mend it")]
    monkeypatch.setattr(host_doctor.status, "status", lambda: host_doctor.status.Status(checks, [], {}))
    monkeypatch.setattr(host_doctor, "place", lambda settings: iter(()))
    assert list(host_doctor.findings()) == [
        Finding("host", "a", "warning", "wrong", "mend it"),
        Finding("host", "b", "ok", "well", ""),
    ]


def test_everything_that_is_wrong_on_this_machine_goes_with_a_command():
    found = list(host_doctor.status.look("nobody-of-that-name")[0])
    assert any(check.level != "ok" for check in found)
    assert [check for check in found if check.level != "ok" and not check.mend] == []


def test_a_journal_that_a_boot_empties_is_a_warning(tmp_path):
    (finding,) = host_doctor.place(HostSettings({}), tmp_path / "none")
    assert (finding.level, finding.command) == (
        "warning",
        f"mkdir -p {tmp_path}/none && systemctl restart systemd-journald",
    )
    namespace = HostSettings({"journal_namespace": "session-recording"})
    (tmp_path / "0123456789abcdef0123456789abcdef").mkdir()
    assert [each.name for each in host_doctor.place(HostSettings({}), tmp_path)] == ["disk"]
    (finding,) = host_doctor.place(namespace, tmp_path)
    assert finding.command.endswith("systemctl restart systemd-journald@session-recording")
    (tmp_path / "0123456789abcdef0123456789abcdef.session-recording").mkdir()
    assert [each.name for each in host_doctor.place(namespace, tmp_path)] == ["disk"]


@pytest.mark.parametrize(("free", "level"), [(0.5, "ok"), (0.05, "warning"), (0.01, "critical")])
def test_a_disk_that_fills_up_is_told_before_it_is_full(tmp_path, monkeypatch, free, level):
    usage = type("Usage", (), {"total": 1000, "free": 1000 * free})
    monkeypatch.setattr(host_doctor.shutil, "disk_usage", lambda path: usage)
    (finding,) = host_doctor.place(HostSettings({"sink": "file", "directory": str(tmp_path)}))
    assert finding.level == level
    assert bool(finding.command) == (level != "ok")


# A machine of auditors'


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The path of a store into which an ingest has just taken a recording, on a disk that has room."""
    monkeypatch.setattr(doctor_store, "SCARCE", 0.0)
    path = tmp_path / "store.sqlite"
    made = SqliteStore(path)
    ingest = Ingest(made)
    lines = write_recording(tmp_path / "one.jsonl")
    ingest.take("file:one", None, [line.rstrip(b"\n") for line in lines])
    ingest.lag = 0.0
    Notes(made, ingest, "journal:namespace=").looked()
    made.close()
    return path


def wrong(findings):
    return [(each.name, each.level, each.command) for each in findings if each.level != "ok"]


def test_a_store_that_is_well_is_well(store):
    assert wrong(doctor_store.store_findings(str(store), "")) == []


def test_a_store_that_is_not_there_is_critical_and_is_not_made(tmp_path):
    found = wrong(doctor_store.store_findings(str(tmp_path / "none.sqlite"), ""))
    assert found == [("store", "critical", "systemctl enable --now session-recording-ingest.service")]
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_none_is_critical(tmp_path):
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"x" * 5000)
    assert ("store", "critical", f"ls -l {path}") in wrong(doctor_store.store_findings(str(path), ""))


def test_an_ingest_that_has_stopped_is_critical_and_one_that_is_behind_a_warning(store):
    made = SqliteStore(store)
    note = Progress("logs1", "elasticsearch", time.time(), time.time() - 400, 0.0, 1, 0)
    made.add(f"{PREFIX}a", json.dumps(vars(note)), (), ())
    late = Progress("logs2", "elasticsearch", time.time(), time.time(), 90.0, 1, 0)
    made.add(f"{PREFIX}b", json.dumps(vars(late)), (), ())
    made.close()
    found = wrong(doctor_store.store_findings(str(store), ""))
    assert [(name, level) for name, level, _ in found] == [("ingest", "critical"), ("ingest", "warning")]


def test_lines_that_were_refused_lately_are_told(store):
    made = SqliteStore(store)
    Ingest(made).take("file:two", None, [b"garbage"])
    made.close()
    found = wrong(doctor_store.store_findings(str(store), ""))
    assert found == [("quarantine", "warning", f"sessrec list --quarantined --store {store}")]


def test_a_ledger_that_is_damaged_is_critical(store):
    ledger = store.parent / "ledger.db"
    ledger.write_bytes(b"x" * 5000)
    assert ("ledger", "critical", "sessrec audit-trail --verify") in wrong(
        doctor_store.store_findings(str(store), str(ledger))
    )


def test_settings_with_a_mistake_end_the_examination_with_their_line(tmp_path, monkeypatch):
    file = tmp_path / "web.toml"
    file.write_text("[web]\nlisten = 5\n")
    monkeypatch.setattr(auditor_doctor, "WEB_SETTINGS", file)
    assert auditor_doctor.present()
    (finding,) = auditor_doctor.findings()
    assert "web.toml:2" in finding.text
    assert finding.command == f"vi {file}"


def test_what_the_settings_of_the_page_name_is_looked_at(tmp_path):
    keytab, token = tmp_path / "web.keytab", tmp_path / "token"
    token.write_text("short")
    named = {"keytab": keytab, "tls_cert": tmp_path / "web.crt", "metrics_token": token}
    text = "[web]\n" + "".join(f'{name} = "{file}"\n' for name, file in named.items()) + "[web.access]\nx = 1\n"
    settings = web_settings.parse(text.encode(), "web.toml")
    found = {name: (level, command) for name, level, command in wrong(auditor_doctor.page(settings))}
    assert found["access"] == ("critical", "vi web.toml")
    assert found["keytab"] == ("critical", f"ipa-getkeytab -p HTTP/$(hostname -f) -k {keytab}")
    assert found["tls"] == ("critical", f"ipa-getcert resubmit -f {tmp_path}/web.crt")
    assert found["metrics"] == ("critical", f"(umask 077; openssl rand -hex 32 > {token})")
    keytab.write_bytes(b"\x05\x02rest")
    assert auditor_doctor.keytab(str(keytab)).level == "ok"
    keytab.write_bytes(b"something else")
    assert auditor_doctor.keytab(str(keytab)).command.startswith("rm ")


@pytest.mark.parametrize(("days", "level"), [(60, "ok"), (3, "warning"), (-1, "critical")])
def test_a_certificate_is_told_of_before_it_ends(tmp_path, days, level):
    assert auditor_doctor.certificate(self_signed(tmp_path, days)).level == level


@pytest.mark.parametrize(
    ("state", "level"), [("active", "ok"), ("failed", "critical"), ("inactive", "critical"), ("", "warning")]
)
def test_a_service_that_does_not_run_goes_with_the_command_that_starts_it(state, level):
    finding = auditor_doctor.service(auditor_doctor.WEB, state)
    assert finding.level == level
    if level == "critical":
        assert finding.command == "systemctl enable --now session-recording-web.service"


# A FreeIPA server


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server on which our installer has been run."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(server_doctor, "services", lambda: iter(()))
    played = Played(tmp_path / "server")
    played.entries = [f"{each},cn=session-recording,dc=x" for each in server_doctor.CONTAINERS]
    assert install.main(["--unattended"], played) == 0
    return played


def test_a_server_that_is_well_is_well(server):
    assert wrong(server_doctor.findings(server)) == []


def test_a_file_of_the_plugin_that_was_changed_is_critical(server):
    (server.root / "ipaserver/plugins/recordingpolicy.py").write_text("other")
    assert ("files", "critical", "ipa-session-recording-install") in wrong(server_doctor.findings(server))


def test_plugins_that_do_not_load_any_more_are_critical(server):
    server.failing = "load"
    assert wrong(server_doctor.findings(server)) == [
        ("plugins", "critical", "ipa-session-recording-install --dry-run")
    ]


def test_a_directory_without_the_containers_is_critical(server):
    server.entries = server.entries[1:]
    assert wrong(server_doctor.findings(server)) == [
        ("directory", "critical", "ipa-session-recording-install --force")
    ]


def test_services_of_freeipa_that_are_stopped_are_named(tmp_path, monkeypatch):
    program = tmp_path / "ipactl"
    program.write_text("#!/bin/sh\necho 'Directory Service: RUNNING'\necho 'httpd Service: STOPPED'\nexit 4\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (finding,) = server_doctor.services()
    assert (finding.text, finding.command) == ("httpd is stopped", "ipactl start")
    program.write_text("#!/bin/sh\necho 'Directory Service: RUNNING'\n")
    assert [each.level for each in server_doctor.services()] == ["ok"]
