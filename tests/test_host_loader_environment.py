"""By which ways users bring LD_PRELOAD to the login shell, and what the installer does about those of sshd.

sshd is played here; integration/test_loader_environment.py has the real one.
"""

from pathlib import Path

import pytest

from host import sshd_config
from host.install import UP_TO_DATE
from host.install_error import InstallError
from host.install_layout import SSHD_DROP_IN
from host.loader_environment import VARIABLES, checks, look
from host.sshd_config import SSHD, SshdError
from tests.played_host import Host, Played

DEBIAN_12 = """\
@include common-auth
session    required     pam_env.so # [1]
session    required     pam_env.so user_readenv=1 envfile=/etc/default/locale
"""
INCLUDES = "Include /etc/ssh/sshd_config.d/*.conf\n"


class PlayedWithSshd(Played):
    """An sshd that heeds the first SetEnv, and reads our file before its own."""

    refused = unreloaded = ""
    heeds = True

    def said_by_sshd(self):
        lines = sshd_config.lines(self.layout.root)
        first = [line for line in lines if line.keyword == "setenv" and not line.matched][:1]
        said = [f"setenv {word}" for line in first for word in line.words] if self.heeds else []
        permit = [line.words[0] for line in lines if line.keyword == "permituserenvironment"] or ["no"]
        said += [f"acceptenv {word}" for line in lines if line.keyword == "acceptenv" for word in line.words]
        return "\n".join([f"permituserenvironment {permit[0]}", *said, ""])

    def try_sshd(self):
        if self.refused:
            raise SshdError(self.refused)

    def reload_sshd(self):
        if self.unreloaded:
            raise InstallError(self.unreloaded)
        self._do("reload sshd")


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path)
    host.system = PlayedWithSshd(host.layout)
    host.write(str(SSHD), "")
    host.write("/etc/ssh/sshd_config", INCLUDES + "UsePAM yes\nAcceptEnv LANG LC_*\n")
    return host


def texts(host):
    return [way.text for way in look(host.system.said_by_sshd(), host.root).ways]


def pam(host, text, service="login"):
    host.write(f"/etc/pam.d/{service}", text)
    return texts(host)


def test_debian_12_s_sshd_is_a_way_and_its_file_and_line_are_named(host):
    (text,) = pam(host, DEBIAN_12, "sshd")
    assert text.startswith("/etc/pam.d/sshd:3: user_readenv lets users of sshd bring LD_PRELOAD in")
    assert text.endswith("take user_readenv out")
    (check,) = checks(look(host.system.said_by_sshd(), host.root))
    assert (check.name, check.level, check.text) == ("loader", "critical", text)


def test_a_host_without_such_a_way_is_told_so_in_one_line(host):
    pam(host, "session required pam_env.so readenv=1 envfile=/etc/default/locale\n")
    (check,) = checks(look(host.system.said_by_sshd(), host.root))
    assert check.level == "ok"


@pytest.mark.parametrize(
    "line",
    [
        "session required pam_env.so user_readenv=1",
        "-session\toptional  /lib/x86_64-linux-gnu/security/pam_env.so readenv=0 user_readenv=1 # why",
        "auth [success=ok default=ignore] pam_env.so [user_readenv=1]",
        "SESSION required pam_env.so user_readenv=0 user_readenv=2",
        "session required \\\n  pam_env.so \\\n  user_readenv=1",
    ],
)
def test_however_the_line_is_written_it_is_found(host, line):
    (text,) = pam(host, f"# first\n{line}\n")
    assert text.startswith("/etc/pam.d/login:2:")


@pytest.mark.parametrize(
    "line",
    [
        "# session required pam_env.so user_readenv=1",
        "session required pam_env.so # user_readenv=1",
        "session required pam_env.so user_readenv=0",
        "session required pam_env.so user_readenv=1 user_readenv=no",
        "account required pam_env.so user_readenv=1",
        "session required pam_exec.so /bin/pam_env.so user_readenv=1",
        "session",
        "",
    ],
)
def test_a_line_that_reads_no_file_of_the_user_s_is_none(host, line):
    assert pam(host, f"{line}\n") == []


@pytest.mark.parametrize("include", ["@include ours", "session include ours", "session substack /etc/pam.d/ours"])
def test_what_is_included_counts_for_all_that_include_it_and_is_named_once(host, include):
    host.write("/etc/pam.d/ours", "session required pam_env.so user_readenv=1\n@include ours\n")
    host.write("/etc/pam.d/su", f"{include}\n")
    (text,) = pam(host, f"{include}\n")
    assert text.startswith("/etc/pam.d/ours:1: user_readenv lets users of login, ours, su bring")


def test_a_vendor_s_file_counts_unless_another_has_its_place(host):
    line = "session required pam_env.so user_readenv=1\n"
    host.write("/usr/lib/pam.d/login", line)
    assert [text.split(":")[0] for text in texts(host)] == ["/usr/lib/pam.d/login"]
    assert pam(host, "session required pam_unix.so\n") == []


def test_services_that_start_no_login_shell_and_files_that_are_no_services_are_none(host):
    line = "session required pam_env.so user_readenv=1\n"
    for name in ("atd", "cron", "sshd~", "login.dpkg-old", "su.rpmnew", ".hidden"):
        assert pam(host, line, name) == []


@pytest.mark.parametrize("pattern", ["LD_*", "*", "LD_PRELOAD", "?D_P*", "L*", "GCONV_*", "LOC*"])
def test_a_pattern_of_accept_env_that_takes_a_variable_of_the_loader_is_a_way(host, pattern):
    host.write("/etc/ssh/sshd_config", f"# first\nacceptenv LANG {pattern}\n")
    (text,) = texts(host)
    assert text.startswith(f"/etc/ssh/sshd_config:2: AcceptEnv {pattern} lets users send LD_PRELOAD")


@pytest.mark.parametrize("pattern", ["LANG LC_*", "COLORTERM", "LD_", "L??_*", "ld_*", "XLD_PRELOAD", "[L]D_*"])
def test_other_patterns_are_none(host, pattern):
    host.write("/etc/ssh/sshd_config", f"AcceptEnv {pattern}\n")
    assert texts(host) == []


def test_accept_env_for_some_users_only_which_sshd_does_not_say_is_found_in_its_file(host):
    host.write("/etc/ssh/sshd_config", INCLUDES)
    host.write("/etc/ssh/sshd_config.d/some.conf", "Match User bob\n  AcceptEnv = LD_*\n")
    (text,) = [way.text for way in look("permituserenvironment no\n", host.root).ways]
    assert text.startswith("/etc/ssh/sshd_config.d/some.conf:2: AcceptEnv LD_*")


@pytest.mark.parametrize(("value", "way"), [("yes", True), ("no", False), ("LANG,LC_*", False), ("L*,!LC_*", True)])
def test_permit_user_environment_is_a_way_where_it_takes_a_variable_of_the_loader(host, value, way):
    host.write("/etc/ssh/sshd_config", f"PermitUserEnvironment {value}\n")
    found = texts(host)
    assert len(found) == way
    assert not way or found[0].startswith(f"/etc/ssh/sshd_config:1: PermitUserEnvironment {value} lets users")


def test_excluded_patterns_of_permit_user_environment_are_none(host):
    host.write("/etc/ssh/sshd_config", "PermitUserEnvironment *,!L*,!GCONV_PATH\n")
    assert texts(host) == []


def test_variables_that_sshd_sets_itself_close_all_of_its_ways_and_no_others(host):
    everything = " ".join(f"{name}=" for name in VARIABLES)
    host.write("/etc/ssh/sshd_config", f"PermitUserEnvironment yes\nAcceptEnv *\nSetEnv {everything}\n")
    assert pam(host, DEBIAN_12, "sshd") == []
    (text,) = pam(host, DEBIAN_12)
    assert text.startswith("/etc/pam.d/login:3:")
    host.write("/etc/ssh/sshd_config", f"AcceptEnv *\nSetEnv {everything.replace('LD_AUDIT=', '')}\n")
    assert len(texts(host)) == 3


def test_set_env_for_some_users_takes_theirs_away_again(host):
    everything = " ".join(f"{name}=" for name in VARIABLES)
    host.write("/etc/ssh/sshd_config", f"SetEnv {everything}\nMatch User bob\nSetEnv EDITOR=vi\n")
    assert len(pam(host, DEBIAN_12, "sshd")) == 1


@pytest.mark.parametrize(
    "said",
    [
        "",
        "permituserenvironment no\npermituserenvironment yes\n",
        "Permituserenvironment no\n",
        "permituserenvironment no\n\n",
    ],
)
def test_output_of_sshd_that_is_not_understood_is_not_taken_for_all_is_well(host, said):
    (check,) = checks(look(said, host.root))
    assert check.level == "warning"
    assert "sshd -T" in check.text


def test_an_sshd_that_does_not_answer_is_a_warning_in_its_own_words(host, tmp_path):
    sshd = tmp_path / "sshd"
    sshd.write_text("#!/bin/sh\necho hostkeys >&2\necho 'sshd: no hostkeys available -- exiting.' >&2\nexit 1\n")
    sshd.chmod(0o755)
    with pytest.raises(SshdError, match=r"`sshd -T` fails: sshd: no hostkeys available") as raised:
        sshd_config.said_by(sshd)
    (check,) = checks(look(raised.value, host.root))
    assert check.level == "warning"


def test_an_sshd_that_hangs_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(sshd_config, "WITHIN", 0.1)
    sshd = tmp_path / "sshd"
    sshd.write_text("#!/bin/sh\nexec sleep 20\n")
    sshd.chmod(0o755)
    with pytest.raises(SshdError, match="does not come to an end"):
        sshd_config.said_by(sshd)


def test_a_host_without_sshd_has_none_of_its_ways(host):
    host.write("/etc/pam.d/sshd", DEBIAN_12)
    assert look(None, host.root).ways == []


def test_installing_closes_what_comes_by_sshd_and_says_what_is_left(host):
    pam(host, DEBIAN_12, "sshd")
    pam(host, DEBIAN_12)
    host.install()
    assert [line.partition("=")[0] for line in host.read(SSHD_DROP_IN).splitlines()[-1].split()] == [
        "SetEnv",
        *VARIABLES,
    ]
    assert "reload sshd" in host.system.done
    (warning,) = [line for line in host.said if line.startswith("WARNING: ")]
    assert "/etc/pam.d/login:3:" in warning
    assert host.said[-1] == "Session recording is in place."
    host.install()
    assert host.said == [warning, UP_TO_DATE]
    assert host.read("/etc/pam.d/sshd") == DEBIAN_12


def test_where_no_way_is_open_sshd_is_left_alone(host):
    host.install()
    assert not host.has(SSHD_DROP_IN)
    assert "reload sshd" not in host.system.done


def test_check_says_that_the_file_is_to_be_placed_and_places_none(host):
    host.install()
    pam(host, DEBIAN_12, "sshd")
    assert not host.check()
    assert f"would place {SSHD_DROP_IN}" in host.said
    assert not host.has(SSHD_DROP_IN)


def test_uninstalling_removes_the_file_and_reloads_sshd(host):
    pam(host, DEBIAN_12, "sshd")
    before = host.files()
    host.install()
    host.uninstall()
    assert f"removed {SSHD_DROP_IN}" in host.said
    assert "reload sshd" in host.system.done
    assert not set(host.files()) - set(before) - {"var/lib/session-recording/key.pem"}


def test_a_file_that_sshd_does_not_accept_is_removed_again_and_the_rest_goes_on(host):
    pam(host, DEBIAN_12, "sshd")
    host.system.refused = "`sshd -t` fails: no"
    host.install()
    assert not host.has(SSHD_DROP_IN)
    assert f"removed {SSHD_DROP_IN} again: `sshd -t` fails: no" in host.said
    assert "reload sshd" not in host.system.done
    assert any("WARNING: /etc/pam.d/sshd:3:" in line for line in host.said)
    assert "sssd" in host.system.done


def test_a_file_that_sshd_does_not_heed_is_removed_again(host):
    pam(host, DEBIAN_12, "sshd")
    host.system.heeds = False
    host.install()
    assert not host.has(SSHD_DROP_IN)
    assert any("does not heed it" in line for line in host.said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (INCLUDES + "SetEnv EDITOR=vi\n", "/etc/ssh/sshd_config:2 has a SetEnv: add to it LD_PRELOAD= "),
        ("UsePAM yes\n", "sshd does not read /etc/ssh/sshd_config.d: write into sshd_config SetEnv LD_PRELOAD="),
        ("Match User bob\n" + INCLUDES, "sshd does not read /etc/ssh/sshd_config.d"),
    ],
)
def test_where_the_file_could_not_close_it_the_administrator_is_told_what_to_write(host, text, said):
    host.write("/etc/ssh/sshd_config", text)
    pam(host, DEBIAN_12, "sshd")
    host.install()
    assert not host.has(SSHD_DROP_IN)
    assert any(line.startswith(f"WARNING: {said}") for line in host.said)


def test_an_sshd_that_could_not_be_reloaded_is_reloaded_by_the_next_run(host):
    pam(host, DEBIAN_12, "sshd")
    host.system.unreloaded = "`systemctl reload ssh.service` fails: no"
    host.install()
    assert any("until it is reloaded" in line for line in host.said)
    host.system.unreloaded = ""
    host.install()
    assert "reload sshd" in host.said
    assert host.system.done == ["check", "reload sshd"]
    host.install()
    assert host.said == [UP_TO_DATE]


def test_variables_that_the_administrator_added_to_the_file_stay_and_are_kept(host):
    pam(host, DEBIAN_12, "sshd")
    host.install()
    edited = host.read(SSHD_DROP_IN).rstrip() + " EDITOR=vi\n"
    host.write(str(SSHD_DROP_IN), edited)
    host.install()
    assert host.said == [UP_TO_DATE]
    host.uninstall()
    (said,) = [line for line in host.said if f"your changes to {SSHD_DROP_IN}" in line]
    assert Path(said.rpartition(" ")[2]).read_text() == edited
