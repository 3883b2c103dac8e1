"""Packages: what is in which, that each has what it needs, and that Debian's and RPM's own tools find nothing wrong.

They are installed, upgraded and removed in integration/rollout/test_packages.py.
"""

import ast
import importlib.util
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from docs import completion
from host.install_layout import CODE, COMMON_PACKAGE, HOST_PACKAGE, LOGIN_SHELL, PACKAGES, Layout
from recorder.capture.session import VERSION
from tests.peers import needs

ROOT = Path(__file__).parent.parent
SPEC = ROOT / "packaging/rpm/freeipa-session-recording.spec"

_found = importlib.util.spec_from_file_location("packages_install", ROOT / "packaging/install.py")
install = importlib.util.module_from_spec(_found)
_found.loader.exec_module(install)

PLAYER = ROOT / "auditor/web/static/player"

CODE_OF_COMMAND = f"""
import sys
sys.path[:0] = [sys.argv.pop(1)]
sys.path.append({sysconfig.get_path("platlib")!r})
import sessrec
sys.exit(sessrec.main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def packages():
    """Paths and contents, by package."""
    return {name: install.contents(name) for name in install.NAMES}


@pytest.fixture
def machine(packages, tmp_path):
    """Places packages below a directory and gives the command `sessrec` there."""

    def made(*names):
        for name in names:
            for path, content in packages[name].items():
                target = tmp_path / path.relative_to("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.data)

        def sessrec(*argv):
            # -S: the checkout, which is installed in the virtual environment, is not searched.
            return subprocess.run(
                [sys.executable, "-I", "-S", "-c", CODE_OF_COMMAND, tmp_path / CODE.relative_to("/"), *argv],
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )

        return sessrec

    return made


def test_no_file_is_in_two_packages(packages):
    paths = [path for contents in packages.values() for path in contents]
    assert len(paths) == len(set(paths))


def test_packages_have_all_that_the_installer_would_place(packages):
    placed = {path: content for contents in packages.values() for path, content in contents.items()}
    outside = {content.data for path, content in placed.items() if not path.is_relative_to(CODE)}
    for path, content in Layout(root=Path("/nonexistent"), source=ROOT).contents().items():
        # Scripts of `files` and the PAM hook are where they are run, and only there.
        assert placed.get(path) == content or content.data in outside


def test_nothing_is_placed_that_git_ignores_but_the_player(packages):
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    known = subprocess.run(listed, cwd=ROOT, capture_output=True, check=False).stdout
    if not known:
        pytest.skip("this is no repository")
    tracked = {name for name in known.decode().split("\0") if name}
    for contents in packages.values():
        for path in contents:
            if path.is_relative_to(CODE) and not path.is_relative_to(PACKAGES):
                name = str(path.relative_to(CODE))
                assert name in tracked or (ROOT / name).is_relative_to(PLAYER)


def test_a_recorded_host_needs_no_package_of_the_auditor_s(packages):
    present = {*packages[COMMON_PACKAGE], *packages[HOST_PACKAGE]}
    start = [path for path in present if path.relative_to("/").parts[2:4] and path.parts[4:5] != ("auditor",)]
    for module in closure(path for path in start if path.suffix == ".py" and path.name != "sessrec.py"):
        assert CODE / module in present or module == Path("sssd_responder/pam_hook.py"), module


def closure(paths):
    """The modules of ours that these import, and those import, wherever in them."""
    waiting = [path.relative_to(CODE) for path in paths if path.is_relative_to(CODE)]
    found = set()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            waiting += [module for name in names for module in modules(name)]
    return found


def modules(name):
    """The files that importing a dotted name runs, so far as they are ours."""
    parts = name.split(".")
    if parts[0] not in ("recorder", "host", "sssd_responder", "auditor", "ipa_plugin"):
        return
    for count in range(1, len(parts) + 1):
        path = Path(*parts[:count])
        if (ROOT / path / "__init__.py").exists():
            yield path / "__init__.py"
        elif (ROOT / path).with_suffix(".py").exists():
            yield path.with_suffix(".py")


def test_the_command_lists_what_is_installed_and_names_the_rest(machine):
    said = machine(COMMON_PACKAGE)("--help").stdout
    listed = re.findall(r"(?m)^  (\S+)  ", said)
    assert {"rec", "key", "audit-json"} <= {*listed}
    assert not {"verify", "list", "serve", "host"} & {*listed}
    assert "Not installed here: verify, ingest," in said


def test_a_host_has_all_of_its_verbs(machine):
    sessrec = machine(COMMON_PACKAGE, HOST_PACKAGE)
    said = sessrec("host", "--help").stdout
    from host.commands import VERBS

    assert [verb for verb in VERBS if not re.search(rf"(?m)^    {verb}\b", said)] == []
    refused = sessrec("list")
    assert refused.returncode == 1
    assert "package freeipa-session-recording-auditor" in refused.stderr


def test_the_auditor_s_commands_are_there_with_their_package(machine):
    sessrec = machine(COMMON_PACKAGE, install.AUDITOR_PACKAGE)
    said = sessrec("--help").stdout
    assert "\nNot installed here: host\n" in said


def test_every_file_of_a_package_is_on_its_list(packages):
    for name, contents in packages.items():
        list_ = contents[PACKAGES / f"{name}.sha256sums"].data.decode()
        listed = {line.partition("  ")[2] for line in list_.splitlines()}
        unlisted = {str(path) for path in contents} - listed
        assert {path for path in unlisted if "/share/man/" not in path} == {f"{PACKAGES}/{name}.sha256sums"}


def test_the_recorded_host_s_packages_are_small(packages):
    size = sum(len(content.data) for name in (COMMON_PACKAGE, HOST_PACKAGE) for content in packages[name].values())
    assert size < 3_000_000


def test_all_packagings_say_the_same_version_and_need_the_same():
    changelog = (ROOT / "packaging/debian/changelog").read_text()
    assert changelog.startswith(f"freeipa-session-recording ({VERSION}-1)")
    assert f"\nVersion:        {VERSION}\n" in SPEC.read_text()
    control = (ROOT / "packaging/debian/control").read_text()
    assert re.findall(r"(?m)^Package: (\S+)", control) == list(install.NAMES)


def test_completion_offers_verbs_options_and_choices():
    assert completed("sessrec", "lis") == ["list"]
    assert completed("sessrec", "host", "inst") == ["install"]
    assert "--uninstall" in completed("sessrec", "host", "install", "--un")
    assert completed("sessrec", "ingest", "--from", "") == ["elasticsearch"]


def completed(*words):
    """What bash offers for the last of these words."""
    typed = " ".join(f"'{word}'" for word in words)
    script = (
        f"{completion.script()}\nCOMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}\n"
        '_shtab_sessrec; printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash"], input=script, capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.split()


@needs("logrotate")
def test_logrotate_understands_the_example_of_a_rule():
    example = ROOT / "packaging/logrotate/session-recording"
    done = subprocess.run(["logrotate", "--debug", example], capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0
    assert "error" not in done.stderr
    assert "/var/log/session-recording.log" in done.stderr


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the tree, as packages are built from."""
    if not PLAYER.joinpath("VERSION").exists():
        pytest.skip("the page's player is missing: make setup brings it")
    made = tmp_path_factory.mktemp("source") / "source"
    subprocess.run([ROOT / "packaging/source", made], check=True, capture_output=True, timeout=120)
    return made


@needs("dpkg-buildpackage", "dh", "lintian")
def test_debian_packages_are_built_and_lintian_finds_nothing(tmp_path):
    built = subprocess.run(
        [ROOT / "packaging/build-deb", tmp_path], capture_output=True, text=True, check=False, timeout=200
    )
    assert built.returncode == 0, built.stderr
    debs = sorted(tmp_path.glob("*.deb"))
    assert [deb.name.partition("_")[0] for deb in debs] == sorted(install.NAMES)
    done = subprocess.run(["lintian", *debs], capture_output=True, text=True, check=False, timeout=200)
    assert done.stdout == ""
    for deb in debs:
        scripts = subprocess.run(["dpkg-deb", "-I", deb, "postinst"], capture_output=True, text=True, check=True)
        assert "deb-systemd" not in scripts.stdout, "the package enables or starts its services"
    listed = subprocess.run(["dpkg-deb", "-c", debs[2]], capture_output=True, text=True, check=True).stdout
    assert re.search(rf"(?m)^-rwxr-xr-x root/root .*\.{LOGIN_SHELL}$", listed)


@needs("rpmlint")
def test_rpmlint_finds_nothing_in_the_spec():
    config = ROOT / "packaging/rpm/rpmlint.toml"
    done = subprocess.run(
        ["rpmlint", "--config", config, SPEC], capture_output=True, text=True, check=False, timeout=60
    )
    assert "0 errors, 0 warnings" in done.stdout, done.stdout


def test_wheel_and_source_distribution_are_whole(source, tmp_path):
    code = (
        "import sys; from setuptools import build_meta; to = sys.argv[1]\n"
        "build_meta.build_sdist(to); build_meta.build_wheel(to)"
    )
    subprocess.run(
        [sys.executable, "-c", code, tmp_path], cwd=source, check=True, capture_output=True, text=True, timeout=200
    )
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        in_wheel = set(wheel.namelist())
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        in_archive = {name.partition("/")[2] for name in archive.getnames()}
    for name in (
        "ipa_plugin/schema.d/75-session-recording.ldif",
        "host/files/sssd.conf",
        "auditor/rules/shipped.toml",
    ):
        assert name in in_wheel
    for package in ("recorder", "host", "sssd_responder", "auditor", "ipa_plugin"):
        for path in (source / package).rglob("*"):
            name = str(path.relative_to(source))
            if path.is_file() and path.suffix != ".pyc" and not path.name.startswith("."):
                assert name in in_wheel, name
    for name in ("Makefile", "packaging/debian/rules", "docs/administrator.md", "requirements/dev.txt"):
        assert name in in_archive
