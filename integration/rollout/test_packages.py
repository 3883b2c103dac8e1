"""Debian packages on the lab's client and server: installed, turned on, upgraded, removed; nobody is locked out. RPM
packages are only built.
"""

import hashlib
import subprocess
from pathlib import Path

import pytest

from integration.test_host_install import SOURCES, snapshot, the_session, wait_for
from tests.peers import needs

ROOT = Path(__file__).parents[2]
COMMON, HOST, SERVER = (f"freeipa-session-recording-{name}" for name in ("common", "host", "server"))
POLICY = "packages-test"
LISTS = "/usr/lib/session-recording/packages"

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def debs(tmp_path_factory):
    """The packages of this tree by version: as they are, a newer version, and one of which the recorder is broken."""
    directory = tmp_path_factory.mktemp("debs")
    made = subprocess.run(
        [ROOT / "packaging/build-deb", directory], capture_output=True, text=True, check=False, timeout=300
    )
    assert made.returncode == 0, made.stderr
    found = {"0": {path.name.partition("_")[0]: path for path in directory.glob("*.deb")}}
    for version, line in {"1": "# newer\n", "2": "import nothing\n"}.items():
        found[version] = {name: changed(path, version, line) for name, path in found["0"].items()}
    return found


def changed(deb, version, line):
    """A package with a higher version, and with a line at the end of the recorder's service, if it has that."""
    tree = deb.with_name(f"{deb.stem}-{version}")
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace("0.1.0-1", f"0.1.0-1+{version}"))
    service = tree / "usr/lib/session-recording/recorder/service.py"
    if service.exists():
        before = hashlib.sha256(service.read_bytes()).hexdigest()
        service.write_text(service.read_text() + line)
        list_ = tree / f"{LISTS[1:]}/{COMMON}.sha256sums"
        after = hashlib.sha256(service.read_bytes()).hexdigest()
        list_.write_text(list_.read_text().replace(before, after))
    made = Path(f"{tree}.deb")
    subprocess.run(["dpkg-deb", "-b", tree, made], check=True, capture_output=True)
    return made


def place(machine, debs, version, *names, check=True):
    """Install these packages in one go, as apt would hand them to dpkg."""
    paths = []
    for name in names:
        machine.copy_in(debs[version][name], f"/root/{name}.deb")
        paths.append(f"/root/{name}.deb")
    return machine.run("dpkg", "-i", *paths, check=check, timeout=200)


def forget(client):
    """The client as it is without session recording, whatever tests before have left."""
    client.run("dpkg", "-P", HOST, "freeipa-session-recording-auditor", COMMON, check=False)
    sources = f"test ! -e {SOURCES}/sessrec.py || python3 {SOURCES}/sessrec.py host install --uninstall --purge"
    client.run("sh", "-c", f"{sources}; rm -rf /var/lib/session-recording; userdel session-recording || true")


@pytest.fixture
def bare(client):
    """The client with nothing of ours; as it was before, afterwards."""
    had = client.run("test", "-e", f"{SOURCES}/sessrec.py", check=False).returncode == 0
    forget(client)
    yield client
    forget(client)
    if had:
        client.run("python3", f"{SOURCES}/sessrec.py", "host", "install")


@pytest.fixture(scope="module")
def policy(server):
    """One that records alice everywhere."""
    server.ipa("recordingpolicy-add", POLICY, "--hostcat=all", "--capture=output")
    server.ipa("recordingpolicy-add-user", POLICY, "--users=alice")
    yield
    server.ipa("recordingpolicy-del", POLICY)


@pytest.fixture
def recorded(bare, policy, debs):
    """The client with the packages, on which alice is recorded."""
    place(bare, debs, "0", COMMON, HOST)
    bare.run("sessrec", "host", "install")
    wait_for(lambda: "would be recorded" in bare.run("sessrec", "host", "status", "alice", check=False).stdout)
    return bare


def shell_of_alice(client):
    return client.run("getent", "passwd", "alice").stdout.strip().rpartition(":")[2]


def state(client):
    """What is on the client, but for what dpkg and the passage of time change by themselves."""
    return [
        line
        for line in snapshot(client)
        if not line.startswith(("/etc/passwd-", "/etc/shadow-", "/etc/group-", "/etc/gshadow-", "/usr/share/man"))
    ]


def test_the_packages_alone_record_nobody(bare, debs):
    shell = shell_of_alice(bare)
    pam = bare.run("cat", "/etc/pam.d/common-session", "/etc/shells").stdout
    said = place(bare, debs, "0", COMMON, HOST).stdout
    assert "Session recording is in place" not in said
    assert shell_of_alice(bare) == shell
    assert bare.run("cat", "/etc/pam.d/common-session", "/etc/shells").stdout == pam
    assert bare.run("systemctl", "is-active", "session-recorder", check=False).stdout == "inactive\n"
    status = bare.run("sessrec", "host", "status", check=False).stdout
    assert "packages have placed them, and nothing is turned on: sessrec host install" in status


def test_a_file_of_a_package_that_somebody_has_changed_is_found_and_comes_back_by_the_package(recorded, debs):
    recorded.run("sh", "-c", "echo '# changed' >>/usr/lib/session-recording/recorder/errors.py")
    assert "recorder/errors.py changed since it was placed: apt-get install --reinstall" in (
        recorded.run("sessrec", "host", "status", check=False).stdout
    )
    refused = recorded.run("sessrec", "host", "install", check=False)
    assert refused.returncode == 1
    assert f"install the packages {COMMON} and {HOST} again" in refused.stderr
    place(recorded, debs, "0", COMMON, HOST)
    assert recorded.run("sessrec", "host", "install", "--check").returncode == 0


def test_turned_on_it_records_and_check_finds_nothing_to_do(recorded):
    assert recorded.run("sessrec", "host", "install", "--check").returncode == 0
    status = recorded.run("sessrec", "host", "status").stdout
    assert "as they were placed" in status
    assert recorded.run("sessrec", "host", "prove", "alice").stdout.splitlines()[-1].startswith("PROVEN")


def test_a_session_goes_on_while_the_packages_are_upgraded(recorded, debs, ssh):
    with ssh.begun("alice") as login:
        before = the_session(recorded)
        said = place(recorded, debs, "1", COMMON, HOST).stdout
        assert "start session-recorder.service" in said
        assert (the_session(recorded)["rec"], the_session(recorded)["state"]) == (before["rec"], "running")
        out, _ = login.communicate(b"echo still''here\nexit\n", timeout=30)
        assert b"stillhere" in out
    assert ssh.run("alice", "echo", "fine").stdout == "fine\n"
    assert recorded.run("sessrec", "host", "install", "--check").returncode == 0


def test_a_version_that_does_not_answer_gives_way_and_nobody_is_locked_out(recorded, debs, ssh):
    failed = place(recorded, debs, "2", COMMON, HOST, check=False)
    assert failed.returncode == 1
    assert "the version that was there before is in its place again" in failed.stdout
    assert ssh.run("alice", "echo", "fine").stdout == "fine\n"
    place(recorded, debs, "1", COMMON, HOST)
    assert recorded.run("sessrec", "host", "install", "--check").returncode == 0
    assert recorded.run("sessrec", "host", "status").returncode == 0


def test_removing_the_packages_leaves_the_host_as_it_was(bare, debs):
    before = state(bare)
    place(bare, debs, "0", COMMON, HOST)
    bare.run("sessrec", "host", "install")
    assert shell_of_alice(bare).endswith("/login-shell")
    bare.run("sessrec", "host", "install", "--uninstall", "--purge")
    bare.run("dpkg", "-P", HOST, COMMON)
    after = state(bare)
    assert sorted({*after} ^ {*before}) == []


def test_a_package_that_is_removed_takes_session_recording_back_first(recorded):
    said = recorded.run("dpkg", "-r", HOST).stdout
    assert "Session recording is uninstalled." in said
    assert shell_of_alice(recorded) in ("/bin/sh", "/bin/bash")
    assert recorded.run("su", "-", "alice", "-c", "echo $0 is mine").stdout.endswith(" is mine\n")
    # What was recorded can be proven by the key alone.
    assert recorded.run("test", "-e", "/var/lib/session-recording/key.pem").returncode == 0


def test_packages_take_over_from_a_checkout_and_the_checkout_is_refused_then(bare, debs):
    copy_checkout(bare)
    try:
        bare.run("python3", "/root/checkout/sessrec.py", "host", "install")
        key = bare.run("cat", "/var/lib/session-recording/key.pem").stdout
        place(bare, debs, "0", COMMON, HOST)
        assert bare.run("sessrec", "host", "install", "--check").returncode == 0
        assert bare.run("sessrec", "host", "status").returncode == 0
        assert bare.run("cat", "/var/lib/session-recording/key.pem").stdout == key
        refused = bare.run("python3", "/root/checkout/sessrec.py", "host", "install", check=False)
        assert refused.returncode == 1
        assert "belong to packages" in refused.stderr
    finally:
        bare.run("rm", "-rf", "/root/checkout")


def copy_checkout(client):
    packed = subprocess.run(
        ["git", "archive", "HEAD", "sessrec.py", "recorder", "sssd_responder", "host", "auditor", "ipa_plugin"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    path = ROOT / "build/checkout.tar"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(packed)
    client.copy_in(path, "/root/checkout.tar")
    path.unlink()
    client.run("sh", "-c", "mkdir -p checkout && tar xf checkout.tar -C checkout && rm checkout.tar")


def test_the_server_s_package_takes_over_its_plugin_and_gives_it_back(server, debs):
    try:
        place(server, debs, "0", COMMON, SERVER)
        again = server.run("ipa-session-recording-install", "--unattended").stdout
        assert "up to date: nothing to do" in again
        assert server.ipa("recordingconfig-show").returncode == 0
        said = server.run("dpkg", "-r", SERVER, timeout=200).stdout
        assert "Session recording is uninstalled from this server" in said
        gone = server.run("ipa", "-e", "skip_version_check=1", "recordingconfig-show", principal="admin", check=False)
        assert gone.returncode != 0
    finally:
        place(server, debs, "0", COMMON, SERVER)
        server.run("ipa-session-recording-install", "--unattended", timeout=300)
    assert server.ipa("recordingconfig-show").returncode == 0


@needs("rpmbuild", "rpmlint")
def test_rpm_packages_are_built_and_rpmlint_finds_nothing(tmp_path):
    built = subprocess.run(
        [ROOT / "packaging/build-rpm", tmp_path], capture_output=True, text=True, check=False, timeout=300
    )
    assert built.returncode == 0, built.stderr
    rpms = sorted(tmp_path.glob("*.noarch.rpm"))
    assert [rpm.name.partition("-0.")[0] for rpm in rpms] == sorted(debian_names())
    config = ROOT / "packaging/rpm/rpmlint.toml"
    done = subprocess.run(["rpmlint", "--config", config, *rpms], capture_output=True, text=True, check=False)
    assert "0 errors, 0 warnings" in done.stdout, done.stdout


def debian_names():
    """The packages that Debian's control file has."""
    lines = (ROOT / "packaging/debian/control").read_text().splitlines()
    return [line.removeprefix("Package: ") for line in lines if line.startswith("Package: ")]
