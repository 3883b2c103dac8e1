"""Ansible's roles: what they take is what documentation and product know. They are run in integration/rollout."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from auditor.web import settings as web_settings
from recorder.configuration import host_settings
from recorder.configuration.setting_kinds import Choice, Flag, Number, Programs, Seconds
from tests.ansible_collection import COLLECTION, ROOT, ansible

ROLES = COLLECTION / "roles"
PUBLIC = ("server", "host", "auditor")
DOCUMENTATION = (ROOT / "docs/ansible.md").read_text()
KINDS = {Flag: "bool", Number: "int", Seconds: "float", Programs: "dict"}


def specification(role):
    return yaml.safe_load((ROLES / role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]


def options(role):
    return specification(role)["options"]


def defaults(role):
    return yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())


@pytest.mark.parametrize("role", sorted(path.name for path in ROLES.iterdir()))
def test_each_variable_of_a_role_is_checked_and_has_the_default_that_is_told(role):
    assert set(options(role)) == set(defaults(role))
    for name, option in options(role).items():
        assert name.startswith(f"session_recording_{role}_")
        assert option.get("default", "computed") in (defaults(role)[name], "computed"), name
        assert option["description"], name


@pytest.mark.parametrize("role", PUBLIC)
def test_each_variable_stands_in_the_documentation(role):
    assert set(re.findall(rf"\| `(session_recording_{role}_\w+)` \|", DOCUMENTATION)) == set(options(role))


def test_a_role_takes_the_settings_of_a_host_and_no_others():
    taken = options("host")["session_recording_host_settings"]["options"]
    known = {name: setting for name, setting in host_settings.HOST_TABLE.items() if setting.in_file}
    assert set(taken) == set(known)
    for name, setting in known.items():
        if isinstance(setting, Choice):
            assert taken[name]["choices"] == list(setting.choices), name
        for kind, word in KINDS.items():
            if isinstance(setting, kind):
                assert taken[name]["type"] == word, name


def test_no_variable_of_a_role_takes_another_one_s_place():
    """Names that a role registers or sets are its own, so that it can be run beside any other."""
    for path in ROLES.rglob("*.yml"):
        role = path.relative_to(ROLES).parts[0]
        for name in re.findall(r"^\s*register: (\w+)", path.read_text(), re.MULTILINE):
            assert name.startswith(f"__session_recording_{role}_"), (path, name)


def rendered(directory, role, *templates, **variables):
    """Files that a role makes of its templates with these variables, by Ansible."""
    program, environment = ansible("ansible-playbook")
    tasks = [
        {
            "ansible.builtin.template": {
                "src": str(ROLES / role / "templates" / f"{name}.j2"),
                "dest": str(directory / name),
            }
        }
        for name in templates
    ]
    files = [
        str(path)
        for path in ((ROLES / role / "defaults/main.yml"), (ROLES / role / "vars/main.yml"))
        if path.exists()
    ]
    book = directory / "book.json"
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "vars_files": files, "tasks": tasks}]))
    said = json.dumps(
        {
            "ansible_facts": {"fqdn": "page.example.test"},
            "ansible_managed": "Ansible",
            **variables,
            "ansible_python_interpreter": sys.executable,
        }
    )
    done = subprocess.run(
        [program, "-i", "localhost,", "-c", "local", "-e", said, book],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [directory / name for name in templates]


def test_settings_of_a_host_are_read_as_they_were_given(tmp_path):
    given = {
        "on_failure": "allow",
        "shells": {"carol": "/bin/zsh", 'odd"name': "/bin/sh"},
        "freeipa": False,
        "refresh": 2.5,
        "session_limit": 7,
        "spool": "2M",
        "prompt_pattern": 'a\\d "geheim" \U0001f511',
    }
    [file] = rendered(tmp_path, "host", "config.toml", session_recording_host_settings=given)
    read = host_settings.load(str(file))
    assert (read.on_failure, read.freeipa, read.refresh, read.session_limit, read.spool) == (
        "allow",
        False,
        2.5,
        7,
        2 * 1024**2,
    )
    assert read.shells == given["shells"]
    assert read.prompt_pattern == given["prompt_pattern"]


def test_a_password_of_the_store_is_to_systemd_what_was_given(tmp_path):
    password = """a'pass\\word"$HOME%é:`"""
    [file] = rendered(tmp_path, "host", "rsyslog.env", session_recording_host_store_password=password)
    value = re.search(r'(?m)^SESSREC_STORE_PASSWORD="(.*)"$', file.read_text()).group(1)
    # systemd.exec(5): within double quotes a backslash escapes these, and nothing else has a meaning.
    assert re.sub(r'\\(["\\`$])', r"\1", value) == password
    assert not re.search(r'(?<!\\)(\\\\)*["`$]', value)


@pytest.mark.parametrize("proxy", ["none", "nginx", "apache"])
def test_settings_of_the_page_are_read_as_they_were_given(tmp_path, proxy):
    file, ingest = rendered(
        tmp_path,
        "auditor",
        "web.toml",
        "ingest.conf",
        session_recording_auditor_proxy=proxy,
        session_recording_auditor_server="ipa.example.test",
        session_recording_auditor_settings={"idle_minutes": 5},
    )
    read = web_settings.load(Path(file))
    assert read.names == ("page.example.test",)
    assert read.embed_origin == "https://ipa.example.test"
    assert (read.listen, bool(read.tls_cert)) == (
        ("0.0.0.0:8443", True) if proxy == "none" else ("127.0.0.1:8080", False)
    )
    assert f"SESSREC_INGEST=--journal --store {read.store}\n" in ingest.read_text()


@pytest.mark.parametrize("name", ["nginx", "apache"])
def test_another_web_server_is_told_what_the_documentation_says(tmp_path, name):
    documented = re.search(rf"```{name}\n(.*?)```", (ROOT / "docs/web.md").read_text(), re.DOTALL).group(1)
    made = rendered(tmp_path, "auditor", f"{name}.conf", session_recording_auditor_name="sessions.example.test")[0]
    lines = [
        line.strip() for line in made.read_text().splitlines() if line.strip() and not line.strip().startswith("#")
    ]
    assert lines == [line.strip() for line in documented.splitlines() if line.strip()]


def test_playbooks_of_the_documentation_are_ansible_s(tmp_path):
    program, environment = ansible("ansible-playbook")
    books = re.findall(r"```yaml\n(- hosts.*?)```", DOCUMENTATION, re.DOTALL)
    assert len(books) >= 2
    for number, text in enumerate(books):
        (tmp_path / f"{number}.yml").write_text(text)
    done = subprocess.run(
        [program, "--syntax-check", "-i", "ipaserver,", *sorted(tmp_path.glob("*.yml"))],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
