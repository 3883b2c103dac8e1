"""Installing on a FreeIPA server: which files go where, what follows from a change, and taking all out again.

FreeIPA itself is played here; integration/test_install.py does it on real servers.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ipa_plugin import install
from ipa_plugin.install_data import InstallError
from ipa_plugin.install_files import Layout, alone

ROOT = Path(__file__).parent.parent


class Played:
    """A FreeIPA server as the installer sees it; `done` says what it was told to do."""

    def __init__(self, root):
        self.root, self.number, self.configured, self.done = root, "4.12.4", True, []
        self.permissions, self.entries, self.failing = b"[]", [], ""
        for directory in ("ipaserver/plugins", "schema.d", "updates", "ui"):
            (root / directory).mkdir(parents=True)

    def layout(self):
        root = self.root
        return Layout(
            root / "ipaserver/plugins", root, root / "schema.d", root / "updates", root / "ui", root / "var/ours"
        )

    def version(self):
        return self.number

    def is_configured(self):
        return self.configured

    def load_plugins(self, source, without=()):
        self._do("load")
        return self.permissions

    def upgrade(self):
        self._do("upgrade")

    def restart_server(self):
        self._do("restart server")

    def restart_web(self):
        self._do("restart web")

    def find_data(self):
        return self.entries

    def delete_data(self, names):
        self._do(f"delete {len(names)}")

    def _do(self, what):
        if self.failing == what:
            raise InstallError(f"{what} failed")
        self.done.append(what)

    def files(self):
        return sorted(
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts and path.name != "installed.json"
        )


@pytest.fixture
def server(tmp_path):
    return Played(tmp_path / "server")


@pytest.fixture
def source(tmp_path):
    directory = tmp_path / "checkout/ipa_plugin"
    for name, text in {
        "__init__.py": '"""Ours."""\n',
        "policy.py": "ONE = 1\n",
        "install.py": "no part of what is installed\n",
        "plugins/recordingpolicy.py": "TWO = 2\n",
        "schema.d/75-session-recording.ldif": "dn: cn=schema\n",
        "updates/75-session-recording.update": "dn: cn=session-recording,$SUFFIX\n",
        "ui/session_recording.js": "define();\n",
        "ui/policies.js": "define();\n",
    }.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory


@pytest.fixture
def run(server, source, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def run(*arguments):
        server.done.clear()
        mask = os.umask(0o077)
        try:
            return install.main(arguments, server, source)
        finally:
            os.umask(mask)

    return run


INSTALLED = [
    "ipa_plugin/__init__.py",
    "ipa_plugin/policy.py",
    "ipaserver/plugins/recordingpolicy.py",
    "schema.d/75-session-recording.ldif",
    "ui/session_recording/policies.js",
    "ui/session_recording/session_recording.js",
    "updates/75-session-recording.update",
]


def test_every_file_goes_to_where_freeipa_looks_for_it(run, server):
    assert run() == 0
    assert server.files() == INSTALLED
    assert server.done == ["load", "upgrade", "restart server"]


def test_what_is_installed_can_be_read_by_the_web_server_whatever_the_umask(run, server):
    run()
    paths = [path for path in server.root.rglob("*") if path.name != "installed.json"]
    ours = [path for path in paths if "ipa_plugin" in path.parts or "session_recording" in path.parts]
    assert len(ours) > 4
    assert {path.stat().st_mode & 0o777 for path in ours if path.is_dir()} == {0o755}
    assert {path.stat().st_mode & 0o777 for path in ours if path.is_file()} == {0o644}


def test_modules_are_compiled_for_a_server_that_may_not_write_there(run, server):
    run()
    assert list((server.root / "ipa_plugin/__pycache__").glob("policy.*.pyc"))


def test_a_second_run_changes_nothing(run, server, capsys):
    run()
    before = {path: path.stat().st_mtime_ns for path in server.root.rglob("*")}
    capsys.readouterr()
    assert run("--unattended") == 0
    assert server.done == []
    assert {path: path.stat().st_mtime_ns for path in server.root.rglob("*")} == before
    assert "nothing to do" in capsys.readouterr().out


def test_a_change_of_a_module_needs_no_upgrade_of_the_directory(run, server, source):
    run()
    (source / "policy.py").write_text("ONE = 3\n")
    assert run() == 0
    assert server.done == ["load", "restart web"]
    assert (server.root / "ipa_plugin/policy.py").read_text() == "ONE = 3\n"


@pytest.mark.parametrize("name", ["schema.d/75-session-recording.ldif", "updates/75-session-recording.update"])
def test_a_change_of_schema_or_entries_upgrades_the_directory(run, server, source, name):
    run()
    (source / name).write_text("dn: cn=other\n")
    run()
    assert server.done == ["load", "upgrade", "restart server"]


def test_a_change_of_a_permission_upgrades_the_directory(run, server, source):
    run()
    (source / "plugins/recordingpolicy.py").write_text("TWO = 4\n")
    server.permissions = b'["more"]'
    run()
    assert server.done == ["load", "upgrade", "restart server"]


def test_force_upgrades_whatever_has_changed(run, server):
    run()
    run("--force")
    assert server.done == ["upgrade", "restart server"]


def test_files_of_an_older_version_are_removed_with_their_byte_code(run, server, source):
    (source / "plugins/oldcommand.py").write_text("OLD = 1\n")
    (source / "policy_old.py").write_text("OLD = 1\n")
    run()
    assert "ipaserver/plugins/oldcommand.py" in server.files()
    (source / "plugins/oldcommand.py").unlink()
    (source / "policy_old.py").unlink()
    assert run() == 0
    assert server.files() == INSTALLED
    assert not [path for path in server.root.rglob("*.pyc") if "old" in path.name]
    assert "oldcommand" not in server.layout().manifest.read_text()


def test_others_files_are_left_alone(run, server):
    theirs = server.root / "ipaserver/plugins/hbacrule.py"
    theirs.write_text("THEIRS = 1\n")
    run()
    run("--uninstall", "--keep-data")
    assert server.files() == ["ipaserver/plugins/hbacrule.py"]


def test_a_file_that_was_damaged_is_put_right(run, server):
    run()
    damaged = server.root / "ipaserver/plugins/recordingpolicy.py"
    damaged.write_text("broken\n")
    server.failing = "restart web"
    assert run() == 1
    assert damaged.read_text() == "TWO = 2\n"
    server.failing = ""
    run()
    assert server.done == ["restart web"]


def test_a_file_that_the_web_server_cannot_read_is_put_right(run, server):
    run()
    hidden = server.root / "ipaserver/plugins/recordingpolicy.py"
    hidden.chmod(0o600)
    run()
    assert hidden.stat().st_mode & 0o777 == 0o644


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(run, server, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("TWO = 2\n")
    place = server.root / "ipaserver/plugins/recordingpolicy.py"
    place.symlink_to(elsewhere)
    run()
    assert not place.is_symlink()
    assert elsewhere.read_text() == "TWO = 2\n"


def test_a_server_that_is_not_configured_only_gets_the_files(run, server, capsys):
    server.configured = False
    assert run() == 0
    assert server.files() == INSTALLED
    assert server.done == ["load"]
    assert "ipa-server-install" in capsys.readouterr().out
    server.configured = True
    run()
    assert server.done == [], "ipa-server-install has put everything into the directory"


def test_a_dry_run_says_what_it_would_do_and_does_nothing(run, server, capsys):
    assert run("--dry-run") == 0
    assert server.files() == []
    assert server.done == ["load"]
    said = capsys.readouterr().out
    assert "would place" in said
    assert "would run ipa-server-upgrade" in said


def test_an_upgrade_that_fails_is_tried_again_by_the_next_run(run, server, capsys):
    server.failing = "upgrade"
    assert run() == 1
    assert "upgrade failed" in capsys.readouterr().err
    server.failing = ""
    assert run() == 0
    assert server.done == ["upgrade", "restart server"]


def test_going_back_after_an_upgrade_that_failed_upgrades_too(run, server, source):
    run()
    update = source / "updates/75-session-recording.update"
    before = update.read_text()
    update.write_text("dn: cn=broken\n")
    server.failing = "upgrade"
    assert run() == 1
    server.failing = ""
    update.write_text(before)
    assert run() == 0
    assert server.done == ["load", "upgrade", "restart server"]


def test_a_restart_that_fails_is_tried_again_by_the_next_run(run, server, source):
    run()
    (source / "policy.py").write_text("ONE = 3\n")
    server.failing = "restart web"
    assert run() == 1
    server.failing = ""
    assert run() == 0
    assert server.done == ["restart web"]
    run()
    assert server.done == []


def test_plugins_that_do_not_load_change_nothing(run, server):
    server.failing = "load"
    assert run() == 1
    assert server.files() == []
    assert not server.layout().manifest.exists()


def test_a_disk_that_is_full_leaves_the_old_version_whole(run, server, source, monkeypatch, capsys):
    run()
    for name in ("policy.py", "plugins/recordingpolicy.py"):
        (source / name).write_text("NEW = 5\n")
    synced = os.fsync

    def full(descriptor):
        if "recordingpolicy" in Path(f"/proc/self/fd/{descriptor}").readlink().name:
            raise OSError(28, "No space left on device", "recordingpolicy.py")
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    assert run() == 1
    assert "No space left on device" in capsys.readouterr().err
    assert server.files() == INSTALLED
    assert (server.root / "ipa_plugin/policy.py").read_text() == "ONE = 1\n"
    monkeypatch.setattr(os, "fsync", synced)
    assert run() == 0
    assert (server.root / "ipa_plugin/policy.py").read_text() == "NEW = 5\n"


@pytest.mark.parametrize("survivors", range(8))
def test_a_run_that_was_killed_anywhere_is_finished_by_the_next(run, server, source, monkeypatch, survivors):
    (source / "plugins/oldcommand.py").write_text("OLD = 1\n")
    run()
    (source / "plugins/oldcommand.py").unlink()
    for path in (path for path in source.rglob("*") if path.is_file()):
        path.write_text("NEW = 5\n")
    renamed, left = Path.replace, [survivors]

    def killed(path, target):
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        return renamed(path, target)

    monkeypatch.setattr(Path, "replace", killed)
    assert run() == 130
    monkeypatch.setattr(Path, "replace", renamed)
    assert run() == 0
    assert server.files() == INSTALLED
    assert {(server.root / name).read_text() for name in INSTALLED} == {"NEW = 5\n"}
    assert server.done[-2:] == ["upgrade", "restart server"]


def test_what_a_newer_version_began_to_place_goes_when_the_older_one_is_run(run, server, source, monkeypatch):
    run()
    newer = source / "plugins/newcommand.py"
    newer.write_text("NEW = 1\n")
    monkeypatch.setattr(install.install_files, "remove", lambda paths: pytest.fail("killed"))
    with pytest.raises(pytest.fail.Exception):
        run()
    monkeypatch.undo()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "ipaserver/plugins/newcommand.py" in server.files()
    newer.unlink()
    assert run() == 0
    assert server.files() == INSTALLED


def test_two_runs_at_once_are_refused(run, server, capsys):
    with alone(server.layout()):
        assert run() == 1
    assert "running already" in capsys.readouterr().err
    assert server.files() == []


@pytest.mark.parametrize("number", ["4.9.13", "4.11.1", "3.3.0"])
def test_an_old_freeipa_is_refused_in_one_line(run, server, capsys, number):
    server.number = number
    assert run() == 1
    assert capsys.readouterr().err == (
        f"ipa-session-recording-install: FreeIPA 4.12 or later is needed, this is {number}: upgrade FreeIPA first\n"
    )
    assert server.files() == []


@pytest.mark.parametrize("number", ["4.13.1", "4.13.0.dev202601", "5.0"])
def test_a_newer_freeipa_is_warned_about(run, server, capsys, number):
    server.number = number
    assert run() == 0
    assert f"FreeIPA {number} is newer than what was tested" in capsys.readouterr().err
    assert server.files() == INSTALLED


def test_uninstalling_removes_the_code_and_keeps_the_data_if_told_so(run, server, capsys):
    run()
    server.entries = ["a", "b"]
    assert run("--uninstall", "--keep-data", "--unattended") == 0
    assert server.files() == []
    assert server.done == ["restart web"]
    assert not list(server.root.glob("ipa_plugin"))
    assert not list(server.root.rglob("*.pyc"))
    assert not server.layout().state.exists()
    assert "schema stays" in capsys.readouterr().out


def test_uninstalling_deletes_the_data_if_told_so(run, server):
    run()
    server.entries = ["a", "b"]
    assert run("--uninstall", "--delete-data") == 0
    assert server.done == ["delete 2", "restart web"]


@pytest.mark.parametrize(("answer", "done"), [("yes", ["delete 1", "restart web"]), ("", ["restart web"])])
def test_uninstalling_asks_before_it_deletes_data(run, server, monkeypatch, answer, done):
    run()
    server.entries = ["a"]
    monkeypatch.setattr("builtins.input", lambda question: answer)
    assert run("--uninstall") == 0
    assert server.done == done


def test_uninstalling_unattended_wants_to_be_told_about_the_data(run, server, capsys):
    run()
    assert run("--uninstall", "--unattended") == 1
    assert "--keep-data or --delete-data" in capsys.readouterr().err
    assert server.files() == INSTALLED


def test_data_that_cannot_be_deleted_leaves_the_code_in_place(run, server):
    run()
    server.entries, server.failing = ["a"], "delete 1"
    assert run("--uninstall", "--delete-data") == 1
    assert server.files() == INSTALLED


def test_uninstalling_what_is_not_there_does_nothing(run, server, capsys):
    assert run("--uninstall", "--keep-data") == 0
    assert server.done == []
    assert "not installed" in capsys.readouterr().out


def test_a_lost_manifest_does_not_hinder_uninstalling(run, server):
    run()
    server.layout().manifest.write_text("{")
    assert run("--uninstall", "--keep-data") == 0
    assert server.files() == []


def test_the_manifest_says_what_is_installed(run, server):
    run()
    files = json.loads(server.layout().manifest.read_text())["files"]
    assert [str(Path(name).relative_to(server.root)) for name in files] == INSTALLED


def test_whoever_is_not_root_is_told_so(run, server, monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert run() == 1
    assert capsys.readouterr().err == "ipa-session-recording-install: must be run as root\n"


def test_the_script_works_from_a_copy_of_the_directory_and_leaves_it_clean(tmp_path):
    shutil.copytree(ROOT / "ipa_plugin", tmp_path / "ipa_plugin", ignore=shutil.ignore_patterns("__pycache__"))
    script = tmp_path / "ipa_plugin/bin/ipa-session-recording-install"
    done = subprocess.run([sys.executable, script, "--help"], cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--uninstall" in done.stdout
    assert not list(tmp_path.rglob("__pycache__"))
