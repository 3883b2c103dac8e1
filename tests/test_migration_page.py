"""docs/migration-from-tlog.md is true: tlog's own recordings and settings, and what becomes of SSSD's section."""

import configparser
import json
import re
import subprocess
from pathlib import Path

from host import status_login
from ipa_plugin.policy import Action
from sssd_responder.decisions import local_policies
from sssd_responder.decisions.policies import Policies
from tests.pages import ROOT, blocks, commands, follow, page, prepare, table_rows, understood
from tests.peers import needs

TEXT = page("migration-from-tlog")
DEFAULTS = Path("/usr/share/tlog/tlog-rec-session.default.conf")


@needs("tlog-rec", "jq")
def test_its_commands_do_what_it_shows(tmp_path):
    environment = prepare(tmp_path, "integrator")
    steps = commands(TEXT)
    assert len(steps) > 8
    follow(steps, tmp_path, environment)


def test_its_commands_for_root_are_understood():
    understood(TEXT)


@needs("tlog-rec")
def test_every_setting_of_tlog_s_own_file_has_its_row():
    text = re.sub(r"^\s*//.*$", "", DEFAULTS.read_text(), flags=re.MULTILINE)
    names = {
        f"{name}.{below}" if below else name
        for name, value in json.loads(text).items()
        for below in (value if isinstance(value, dict) else ("",))
    }
    table = table_rows(TEXT, "## Settings of tlog-rec-session")
    rows = {name for cells in table for name in re.findall(r"`(.*?)`", cells[0])}
    assert names <= rows
    # The only one that has no default.
    assert rows - names == {"file.path"}


def test_the_example_of_sssd_s_section_and_the_policies_mean_the_same(tmp_path):
    (section,) = blocks(TEXT, "ini")
    sssd = configparser.ConfigParser()
    sssd.read_string(section.text)
    excluded = {key: sssd["session_recording"][f"exclude_{key}"].split(", ") for key in ("users", "groups")}
    (block,) = blocks(TEXT, "toml")
    read = local_policies.parse(block.text.encode(), "example").policies
    exempt = next(policy for policy in read if policy.action is Action.EXEMPT)
    assert {"users": sorted(exempt.users.names), "groups": sorted(exempt.users.groups)} == excluded
    file = tmp_path / "policies.toml"
    file.write_text(block.text)
    file.chmod(0o600)
    policies = Policies("web1.example.test", str(file), directory=False)
    assert policies.decide("alice", frozenset({"staff"})).settings is not None
    assert policies.decide("carol", frozenset()).settings is None
    assert policies.decide("dave", frozenset({"oncall"})).settings is None


def test_status_and_doctor_tell_of_the_section_that_is_to_go(tmp_path):
    (section,) = blocks(TEXT, "ini")
    file, main = tmp_path / "sssd-session-recording.conf", tmp_path / "sssd.conf"
    file.write_text(section.text)
    main.write_text("[sssd]\nservices = nss\n")
    check = status_login.tlog([main, file])
    assert (check.name, check.level, check.mend) == ("sssd", "critical", f"rm {file} && systemctl restart sssd")
    assert "scope is all" in check.text
    main.write_text(f"[sssd]\n{section.text}")
    file.write_text("[session_recording]\nscope = none\n")
    assert status_login.tlog([main]).mend == f"vi {main} && systemctl restart sssd"
    # The last one counts, as to SSSD.
    assert status_login.tlog([main, file]) is None
    assert status_login.tlog([tmp_path / "none"]) is None


def test_options_of_ipa_are_those_that_the_plugin_has():
    known = (ROOT / "docs/administrator.md").read_text()
    (block,) = [block for block in blocks(TEXT, "text") if "ipa recordingpolicy-add" in block.text]
    for line in block.text.splitlines():
        command, *options = line.removeprefix("$ ipa ").split()
        assert f"{command} " in known
        for option in re.findall(r"--[a-z]+", " ".join(options)):
            assert option in known, option


def test_the_page_is_named_on_the_first_one():
    assert "docs/migration-from-tlog.md" in (ROOT / "README.md").read_text()


@needs("tlog-rec", "tlog-play")
def test_tlog_is_the_version_that_was_tried():
    said = subprocess.run(["tlog-rec", "--version"], capture_output=True, text=True, check=True).stdout
    assert re.search(r"\b1[2-9]\b", said)
