"""A user's LD_PRELOAD in the place of the login shell: by the ways that sshd has for it, until they are closed."""

import json
import time

import pytest

from integration.entries import Policies
from integration.loader_library import SAYS, library
from integration.login import wait_until_recorded
from integration.test_host_install import FROM_SOURCES, wait_for

DROP_IN = "/etc/ssh/sshd_config.d/60-session-recording.conf"
OURS = "/etc/ssh/sshd_config.d/30-test.conf"
LIBRARY = "/usr/local/lib/adversary.so"
CONVERTERS = "/usr/local/lib/adversary"
PAM = "/etc/pam.d/sshd"

pytestmark = pytest.mark.timeout(300)

WAYS = {
    # The line is the one of Debian 12; PAM 1.7 calls it deprecated, and obeys.
    "user_readenv": (
        f"sed -i 's,pam_env.so envfile,pam_env.so user_readenv=1 envfile,' {PAM}",
        "printf 'NAME DEFAULT=value\\nFINE DEFAULT=yes\\n' >~bob/.pam_environment",
    ),
    "PermitUserEnvironment": (
        f"echo 'PermitUserEnvironment yes' >{OURS}",
        "printf 'NAME=value\\nFINE=yes\\n' >~bob/.ssh/environment",
    ),
    "AcceptEnv": (f"echo 'AcceptEnv LD_* GCONV_PATH FINE' >{OURS}", ""),
}


@pytest.fixture(scope="module", autouse=True)
def bob_is_recorded(server, client, logins, tmp_path_factory):
    policies = Policies(server)
    policies.make(
        'recordingpolicy_add("watch", hostcategory="all", iparecordingcapture=["output"], iparecordingaudit=[])\n'
        'recordingpolicy_add_user("watch", user="bob")\n'
    )
    wait_until_recorded(client, True, "bob")
    file = tmp_path_factory.mktemp("library") / "adversary.so"
    file.write_bytes(library())
    client.copy_in(file, LIBRARY)
    client.run(
        "sh", "-c", f"mkdir -p {CONVERTERS}; cp {LIBRARY} {CONVERTERS}/OURS.so; chmod -R a+rX {LIBRARY} {CONVERTERS}"
    )
    modules = "module ISO-10646/UTF8/ INTERNAL OURS 1\nmodule INTERNAL ISO-10646/UTF8/ OURS 1\n"
    client.run("sh", "-c", f"cat >{CONVERTERS}/gconv-modules", input=modules)
    client.run("sh", "-c", f"cp -p {PAM} /root/pam-sshd; mkdir -p ~bob/.ssh; chown bob: ~bob/.ssh")
    yield
    client.run("rm", "-rf", LIBRARY, CONVERTERS)
    policies.make()


@pytest.fixture(autouse=True)
def as_before(client):
    yield
    files = f"{OURS} {DROP_IN} /home/bob/.pam_environment /home/bob/.ssh/environment"
    client.run("sh", "-c", f"rm -f {files}; cp -p /root/pam-sshd {PAM}; systemctl reload ssh")
    client.run(*FROM_SOURCES)


def login(ssh, variable, value):
    """What bob sees of a command, with a variable that he sends where the host takes it."""
    argv = ssh.argv("bob", "echo", f"in the session: $FINE ${{{variable}-unset}}", tty=False)
    client = ["env", "FINE=yes", argv[0], "-o", f"SetEnv={variable}={value} FINE=yes", *argv[1:]]
    return ssh.client.run(*client, check=False).stdout


def said_of_the_loader(client):
    checks = json.loads(client.run("sessrec", "host", "status", "--json", check=False).stdout)["checks"]
    return [(check["level"], check["text"]) for check in checks if check["name"] == "loader"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("variable", "value"), [("LD_PRELOAD", LIBRARY), ("GCONV_PATH", CONVERTERS)])
def test_a_way_for_a_user_s_library_is_reported_and_then_closed(client, ssh, way, variable, value):
    assert [level for level, _ in said_of_the_loader(client)] == ["ok"]
    open_it, use_it = (command.replace("NAME", variable).replace("value", value) for command in WAYS[way])
    client.run("sh", "-c", f"{open_it} && sshd -t && systemctl reload ssh; {use_it}")
    wait_for(lambda: login(ssh, variable, value) == SAYS.decode())

    reported = said_of_the_loader(client)
    assert {level for level, _ in reported} == {"critical"}
    assert reported[0][1].startswith(PAM if way == "user_readenv" else OURS)
    assert way in reported[0][1]

    said = client.run(*FROM_SOURCES).stdout
    assert said.splitlines() == [f"place {DROP_IN}", "reload sshd", "Session recording is in place."]
    time.sleep(0.5)
    # Other variables come through as before.
    wait_for(lambda: login(ssh, variable, value) == "in the session: yes unset\n")
    assert [level for level, _ in said_of_the_loader(client)] == ["ok"]
    assert "nothing to do" in client.run(*FROM_SOURCES).stdout


def test_uninstalling_takes_the_file_of_sshd_out_again(client):
    client.run("sh", "-c", f"echo 'AcceptEnv LD_*' >{OURS}")
    client.run(*FROM_SOURCES)
    assert client.run("sshd", "-T").stdout.count("setenv LD_PRELOAD=\n") == 1
    said = client.run("sessrec", "host", "install", "--uninstall").stdout
    assert f"removed {DROP_IN}" in said
    assert "setenv" not in client.run("sshd", "-T").stdout
