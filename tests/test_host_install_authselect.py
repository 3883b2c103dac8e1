"""The hook on machines where authselect writes PAM's files.

authselect is played: Debian has none. What the played one does was compared with authselect 1.7.1.
"""

import shutil
from pathlib import Path

import pytest

from host.install import UP_TO_DATE
from host.install_authselect import AUTHSELECT_FILES, PROFILE
from host.install_error import InstallError
from host.install_layout import PAM_HOOK, SSSD_DROP_IN
from host.pam_lines import PAM_LINES, has_hook
from tests.played_host import Host, Played

NAMES = ("system-auth", "password-auth")
SELECTED = Path("/etc/authselect/authselect.conf")
CUSTOM = Path("/etc/authselect/custom")
SHIPPED = Path("/usr/share/authselect/default")


class PlayedWithAuthselect(Played):
    """It writes files from a profile, and minds only files of PAM's that are not its links any more."""

    replaced = False

    def authselect(self, command, *arguments):
        return getattr(self, f"_{command.replace('-', '_')}")(*arguments)

    def _current(self, raw):
        return self._selected() + "\n"

    def _check(self):
        if self.replaced:
            raise InstallError("`authselect check` fails: [/etc/pam.d/system-auth] was not created by authselect!")

    def _create_profile(self, name, base, *links):
        assert links == ("--symlink-meta", "--symlink-nsswitch", "--symlink-pam", "--symlink-dconf")
        directory = self.layout.at(CUSTOM / name)
        if directory.exists():
            raise InstallError("`authselect create-profile` fails: Unable to create new profile [17]: File exists")
        directory.mkdir(parents=True)
        base = base.removeprefix("--base-on=")
        for file in ("README", *NAMES):
            (directory / file).symlink_to(
                (CUSTOM / base.removeprefix("custom/") if "/" in base else SHIPPED / base) / file
            )

    def _select(self, profile, *features):
        assert features[-1] == "--quiet"
        self.write(profile, *features[:-1])
        self._do(f"select {profile}")

    def write(self, profile, *features):
        """What `authselect select` does."""
        self.layout.at(SELECTED).write_text("\n".join([profile, *features]))
        for name in NAMES:
            self._written(name).write_text(self._profile(profile, name).read_text())

    def _selected(self):
        return self.layout.at(SELECTED).read_text().replace("\n", " ")

    def _written(self, name):
        return self.layout.at(Path("/etc/pam.d") / name)

    def _profile(self, profile, name):
        """The file of a profile; links in the machine's directory are followed there."""
        directory = CUSTOM / profile.removeprefix("custom/") if "/" in profile else SHIPPED / profile
        path = self.layout.at(directory / name)
        return self.layout.at(path.readlink()) if path.is_symlink() else path


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path)
    shutil.rmtree(host.root / "usr/share/pam-configs")
    host.system = PlayedWithAuthselect(host.layout)
    for profile in ("sssd", "local"):
        host.write(f"{SHIPPED}/{profile}/README", "")
        for name in NAMES:
            host.write(f"{SHIPPED}/{profile}/{name}", f"session required pam_unix.so # {profile} {name}\n")
    host.write(str(SELECTED), "")
    host.layout.at(CUSTOM).mkdir()
    host.system.write("sssd", "with-sudo", "with-mkhomedir")
    return host


@pytest.fixture
def installed(host):
    host.install()
    return host


def has_hooks(host):
    return [has_hook(host.layout.at(path)) for path in AUTHSELECT_FILES]


def test_the_hook_comes_by_a_profile_that_has_what_the_one_before_had(installed):
    assert installed.read(SELECTED).split() == [PROFILE, "with-sudo", "with-mkhomedir"]
    for path in AUTHSELECT_FILES:
        assert installed.read(path).splitlines() == [f"session required pam_unix.so # sssd {path.name}", *PAM_LINES]
    assert installed.system.done.index(f"select {PROFILE}") < installed.system.done.index("sssd")
    assert not any("pam_loginuid" in line for line in installed.said)


def test_a_second_run_changes_nothing(installed):
    installed.install()
    assert installed.said == [UP_TO_DATE]


def test_the_way_back_leaves_the_files_and_the_choice_as_they_were(host):
    before = host.files()
    host.install()
    assert host.files() != before
    host.uninstall(purge=True)
    assert host.files() == before
    assert not host.layout.at(CUSTOM / "session-recording").exists()


def test_a_feature_that_was_chosen_since_then_stays(installed):
    installed.system.write(PROFILE, "with-sudo", "with-faillock")
    installed.uninstall()
    assert installed.read(SELECTED).split() == ["sssd", "with-sudo", "with-faillock"]
    assert has_hooks(installed) == [False, False]


def test_what_an_update_of_authselect_brings_is_taken_up(installed):
    installed.write(f"{SHIPPED}/sssd/system-auth", "session required pam_newer.so\n")
    assert not installed.check()
    assert installed.said == ["would take up what is new in authselect's profile sssd"]
    installed.install()
    assert installed.read(AUTHSELECT_FILES[0]).splitlines() == ["session required pam_newer.so", *PAM_LINES]
    assert installed.check()


def test_where_another_profile_was_chosen_the_hook_comes_into_that(installed):
    installed.system.write("local")
    assert not installed.check()
    installed.install()
    assert installed.read(SELECTED).split() == [PROFILE]
    assert installed.read(AUTHSELECT_FILES[1]).startswith("session required pam_unix.so # local password-auth\n")
    installed.uninstall()
    assert installed.read(SELECTED).split() == ["local"]


def test_a_profile_of_the_administrator_s_is_a_base_as_well(host):
    for name in ("README", *NAMES):
        host.write(f"{CUSTOM}/ours/{name}", "session required pam_ours.so\n")
    host.system.write("custom/ours", "with-sudo")
    host.install()
    assert host.read(AUTHSELECT_FILES[0]).splitlines() == ["session required pam_ours.so", *PAM_LINES]
    host.uninstall()
    assert host.read(SELECTED).split() == ["custom/ours", "with-sudo"]
    assert host.read(CUSTOM / "ours/system-auth") == "session required pam_ours.so\n"


def test_a_file_of_pam_s_that_somebody_has_put_in_authselect_s_place_is_not_overwritten(host):
    edited = "session required pam_ours.so\n"
    host.write(str(AUTHSELECT_FILES[0]), edited)
    host.system.replaced = True
    with pytest.raises(InstallError, match="`authselect select sssd with-sudo with-mkhomedir --force`"):
        host.install()
    assert host.read(AUTHSELECT_FILES[0]) == edited
    assert host.read(SELECTED).split()[0] == "sssd"
    assert not host.has(SSSD_DROP_IN)


def test_a_hook_that_locks_root_out_is_taken_out_at_once(host):
    host.system.refusal = "su: cannot open session"
    with pytest.raises(InstallError, match="root cannot use su any more"):
        host.install()
    assert has_hooks(host) == [False, False]
    assert host.read(SELECTED).split()[0] == "sssd"


def test_the_hook_s_program_stays_while_a_profile_of_somebody_else_s_names_it(installed):
    for name in ("README", *NAMES):
        installed.write(f"{CUSTOM}/ours/{name}", "".join(f"{line}\n" for line in PAM_LINES))
    installed.system.write("custom/ours")
    assert installed.check()
    with pytest.raises(InstallError, match="by authselect's profile custom/ours"):
        installed.uninstall()
    assert installed.has(PAM_HOOK)


def test_a_profile_of_ours_that_is_gone_is_named(installed):
    shutil.rmtree(installed.layout.at(CUSTOM / "session-recording"))
    with pytest.raises(InstallError, match="choose the one that it was made from"):
        installed.uninstall()
