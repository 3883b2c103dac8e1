"""Installing on a recorded host: what is placed, in which order, and that it all comes away again.

systemd, PAM's and SSSD's own programs are played here; integration/test_host_install.py has the real ones.
"""

import json
import shutil
from pathlib import Path

import pytest

from host import install_files
from host.install import NOT_INSTALLED, UP_TO_DATE
from host.install_error import InstallError
from host.install_layout import (
    AUDIT,
    AUDIT_PLUGIN,
    CODE,
    COMMAND,
    COMMON_PACKAGE,
    CONFIG,
    HOST_PACKAGE,
    KEY,
    LOGIN_SHELL,
    PACKAGES,
    POLICIES,
    RECORDER,
    RESPONDER,
    SSSD_DROP_IN,
    Layout,
)
from host.install_login import SHELLS
from host.install_pam import COMMON_FILES
from host.pam_lines import PAM_LINES
from tests.played_host import Host


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


@pytest.fixture
def installed(host):
    host.install()
    return host


def test_everybody_s_shell_is_changed_last(host):
    host.install()
    order = [what for what in host.system.done if what.partition(" ")[0] in ("start", "pam", "sssd")]
    assert order == [f"start {RESPONDER}", f"start {RECORDER}", f"start {AUDIT}", "pam", "sssd"]
    assert f"override_shell = {LOGIN_SHELL}" in host.read(SSSD_DROP_IN)
    assert host.layout.at(SSSD_DROP_IN).stat().st_mode & 0o777 == 0o600
    assert host.read(SHELLS).endswith(f"/bin/bash\n{LOGIN_SHELL}\n")


def test_a_login_is_tried_before_everybody_s_shell_is_changed(host):
    host.install(lambda: host.system.done.append("test login"))
    assert host.system.done[-3:] == ["pam", "test login", "sssd"]


def test_a_test_login_that_fails_changes_nobody_s_shell_and_leaves_pam_as_it_was(host):
    def fails():
        raise InstallError("the test login of alice fails")

    before = host.read(COMMON_FILES[0])
    with pytest.raises(InstallError, match="alice"):
        host.install(fails)
    assert not host.has(SSSD_DROP_IN)
    assert "sssd" not in host.system.done
    assert host.read(COMMON_FILES[0]) == before


def test_where_people_are_recorded_already_no_test_login_comes_between(installed):
    installed.source.joinpath("recorder/service.py").write_text("# newer\n")
    installed.install(lambda: pytest.fail("nobody's shell is changed for the first time"))


def test_programs_can_be_run_and_the_code_is_complete(installed):
    assert installed.layout.at(LOGIN_SHELL).stat().st_mode & 0o777 == 0o755
    assert installed.layout.at(COMMAND).stat().st_mode & 0o777 == 0o755
    placed = {path.relative_to(CODE) for path in installed.layout.contents() if path.is_relative_to(CODE)}
    assert {Path("sessrec.py"), Path("sssd_responder/pam_env.conf"), Path("host/files/sssd.conf")} <= placed
    assert not installed.has(CODE / "ipa_plugin/install.py")


def test_sssd_s_domains_and_services_are_left_alone(installed):
    assert "[sssd]" not in installed.read(SSSD_DROP_IN)
    assert installed.read("/etc/sssd/sssd.conf").startswith("[sssd]\ndomains = lab.test")


def test_a_second_run_changes_nothing_and_says_so(installed):
    before = installed.files()
    installed.install()
    assert installed.said == [UP_TO_DATE]
    assert installed.system.done == ["check"]
    assert installed.files() == before


def test_check_says_what_differs_and_changes_nothing(host):
    before = host.files()
    assert not host.check()
    assert "would restart SSSD" in host.said
    assert host.files() == before
    assert host.system.done == []
    host.install()
    assert host.check()
    host.layout.at(LOGIN_SHELL).chmod(0o777)
    assert not host.check()
    assert host.said == [f"would place {LOGIN_SHELL}"]


def test_uninstalling_leaves_nothing_but_the_key(host):
    before = host.files()
    host.install()
    host.uninstall()
    after = host.files()
    assert after.pop(str(KEY.relative_to("/")))
    assert after == before
    assert not host.has("/run/session-recording")
    assert (
        host.system.done.index("sssd") < host.system.done.index("no pam") < host.system.done.index(f"stop {RECORDER}")
    )
    host.uninstall()
    assert host.said == [NOT_INSTALLED]


def test_a_newer_version_keeps_the_key_and_removes_what_it_has_no_more(installed):
    key = installed.read(KEY)
    (installed.source / "auditor/verify.py").rename(installed.source / "auditor/judge.py")
    installed.install()
    assert installed.read(KEY) == key
    assert not installed.has(CODE / "auditor/verify.py")
    assert installed.has(CODE / "auditor/judge.py")
    assert f"start {RECORDER}" in installed.system.done
    assert "sssd" not in installed.system.done


def test_a_program_of_somebody_else_s_comes_back(host):
    host.write(str(COMMAND), "somebody's own\n")
    host.install()
    assert "sessrec import command" in host.read(COMMAND)
    host.uninstall()
    assert host.read(COMMAND) == "somebody's own\n"


def test_an_edited_unit_makes_way_and_is_kept(installed):
    unit = f"/usr/lib/systemd/system/{RECORDER}"
    installed.write(unit, "edited\n")
    installed.install()
    assert installed.read(unit) != "edited\n"
    (said,) = [line for line in installed.said if "is kept in" in line]
    assert Path(said.rpartition(" ")[2]).read_text() == "edited\n"


def test_an_edited_drop_in_stays_as_it_is_until_it_is_uninstalled(installed):
    edited = installed.read(SSSD_DROP_IN) + "[pam]\noffline_credentials_expiration = 2\n"
    installed.write(str(SSSD_DROP_IN), edited)
    installed.layout.at(SSSD_DROP_IN).chmod(0o600)
    installed.install()
    assert installed.said == [UP_TO_DATE]
    assert installed.read(SSSD_DROP_IN) == edited
    installed.uninstall()
    assert not installed.has(SSSD_DROP_IN)
    (said,) = [line for line in installed.said if "your changes" in line]
    assert Path(said.rpartition(" ")[2]).read_text() == edited


def test_an_administrator_s_configuration_is_neither_replaced_nor_removed(host):
    host.write(str(CONFIG), '[host]\nsink = "file"\n')
    host.install()
    host.uninstall()
    assert host.read(CONFIG) == '[host]\nsink = "file"\n'


def test_an_edited_example_of_a_configuration_stays(installed):
    with installed.layout.at(CONFIG).open("a") as file:
        file.write('sink = "file"\n')
    installed.uninstall()
    assert 'sink = "file"' in installed.read(CONFIG)


def test_purging_removes_key_configuration_policies_and_recordings(installed):
    installed.write("/etc/session-recording/policies.toml", "")
    installed.write("/var/lib/session-recording/recordings/one.jsonl", "{}\n")
    installed.uninstall(purge=True)
    assert not installed.has("/etc/session-recording")
    assert not installed.has("/var/lib/session-recording")
    assert not installed.system.account


def test_purging_a_host_leaves_the_auditors_on_the_same_machine_their_store_and_settings(installed):
    for place in ("/var/lib/session-recording/auditor/store.sqlite", "/etc/session-recording/web.toml"):
        installed.write(place, "")
    installed.uninstall(purge=True)
    assert installed.has("/var/lib/session-recording/auditor/store.sqlite")
    assert installed.has("/etc/session-recording/web.toml")
    assert not installed.has("/var/lib/session-recording/key.pem")
    assert not installed.has("/etc/session-recording/config.toml")


def test_recordings_stay_when_it_is_uninstalled(installed):
    installed.write("/var/lib/session-recording/recordings/one.jsonl", "{}\n")
    installed.uninstall()
    assert installed.has("/var/lib/session-recording/recordings/one.jsonl")


def test_nobody_s_shell_changes_while_the_services_do_not_answer(host):
    host.system.problem = "nobody is there"
    with pytest.raises(InstallError, match="nobody is there"):
        host.install()
    assert not host.has(SSSD_DROP_IN)
    assert "sssd" not in host.system.done
    assert "pam" not in host.system.done


def test_a_newer_version_that_does_not_answer_gives_way_to_the_one_before(installed):
    service = installed.read(CODE / "recorder/service.py")
    (installed.source / "recorder/service.py").write_text("# broken\n")
    installed.system.broken = "broken"
    with pytest.raises(InstallError, match="nobody is there"):
        installed.install()
    assert installed.read(CODE / "recorder/service.py") == service
    assert installed.has(SSSD_DROP_IN)
    assert "the version that was there before is in its place again" in installed.said
    installed.system.broken = ""
    installed.install()
    assert installed.read(CODE / "recorder/service.py") == "# broken\n"


def test_where_no_version_answers_nobody_gets_past_the_recorder(installed):
    (installed.source / "recorder/service.py").write_text("# newer\n")
    installed.system.problem = "nobody is there"
    with pytest.raises(InstallError, match="nobody is there"):
        installed.install()
    assert installed.has(SSSD_DROP_IN)
    assert "sssd" not in installed.system.done
    assert installed.read(COMMON_FILES[0]).endswith(f"{PAM_LINES[1]}\n")
    assert "logins by the login shell are refused" in installed.said[-1]


def test_where_nothing_answers_a_run_without_anything_new_lets_nobody_past_the_recorder(installed):
    installed.system.problem = "nobody is there"
    with pytest.raises(InstallError, match="nobody is there"):
        installed.install()
    assert installed.has(SSSD_DROP_IN)
    assert "logins by the login shell are refused" in installed.said[-1]


def test_where_no_version_answers_and_the_host_allows_it_everybody_has_his_own_shell_again(installed):
    installed.write(str(CONFIG), '[host]\non_failure = "allow"\n')
    (installed.source / "recorder/service.py").write_text("# newer\n")
    installed.system.problem = "nobody is there"
    with pytest.raises(InstallError, match="nobody is there"):
        installed.install()
    assert not installed.has(SSSD_DROP_IN)
    assert "sssd" in installed.system.done
    assert str(PAM_LINES[1]) not in installed.read(COMMON_FILES[0])
    assert "logins go on unrecorded" in installed.said[-1]


def test_a_first_installation_that_fails_at_its_end_leaves_everybody_his_own_shell(host):
    original = host.system.restart_sssd

    def restart():
        original()
        if not host.system.problem:
            host.system.problem = "nobody is there"
            raise KeyboardInterrupt

    host.system.restart_sssd = restart
    with pytest.raises(KeyboardInterrupt):
        host.install()
    assert not host.has(SSSD_DROP_IN)
    assert str(PAM_LINES[1]) not in host.read(COMMON_FILES[0])


MISTAKES = [
    (CONFIG, '[host]\nsink = "nowhere"\n', r"config\.toml:2: host\.sink: .*; nothing was changed$"),
    (CONFIG, "[host\n", r"config\.toml:1: not TOML: .*; nothing was changed$"),
    (POLICIES, '[[policy]]\nname = "x"\nuser = ["bob"]\n', r"policies\.toml:3: .*unknown.*; nothing was changed$"),
]


@pytest.mark.parametrize(("path", "text", "said"), MISTAKES)
def test_a_mistake_in_the_configuration_is_told_before_anything_is_changed(installed, path, text, said):
    installed.write(str(path), text)
    (installed.source / "recorder/service.py").write_text("# newer\n")
    before = installed.files()
    for run in (installed.install, installed.check):
        with pytest.raises(InstallError, match=said) as raised:
            run()
        assert "\n" not in str(raised.value)
    assert installed.files() == before
    assert installed.system.done == []


@pytest.mark.parametrize(("path", "text", "said"), MISTAKES)
def test_a_mistake_in_the_configuration_does_not_keep_anybody_from_uninstalling(installed, path, text, said):
    installed.write(str(path), text)
    installed.uninstall()
    assert not installed.has(LOGIN_SHELL)


def test_a_newer_drop_in_that_sssd_does_not_start_with_gives_way_to_the_one_before(installed):
    before = installed.read(SSSD_DROP_IN)
    (installed.source / "host/files/sssd.conf").write_text(f"[nss]\noverride_shell = {LOGIN_SHELL}\nnewer = 1\n")
    original = installed.system.restart_sssd

    def restart():
        if "newer" in installed.read(SSSD_DROP_IN):
            raise InstallError("SSSD does not start: see `journalctl -u sssd`")
        original()

    installed.system.restart_sssd = restart
    with pytest.raises(InstallError, match="the drop-in of before is in its place again"):
        installed.install()
    assert installed.read(SSSD_DROP_IN) == before
    assert installed.system.done[-1] == "sssd"
    installed.system.restart_sssd = original
    installed.install()
    assert "newer" in installed.read(SSSD_DROP_IN)


def test_an_sssd_that_does_not_start_at_all_costs_nobody_his_recording(installed):
    manifest = json.loads(installed.layout.manifest.read_text())
    installed.layout.manifest.write_text(json.dumps({**manifest, "sssd": False}))
    installed.system.restart_sssd = refuse_once(installed)
    with pytest.raises(InstallError, match=f"{SSSD_DROP_IN} stays"):
        installed.install()
    assert installed.has(SSSD_DROP_IN)


def test_an_sssd_that_does_not_start_gets_its_files_back(host):
    host.system.restart_sssd = refuse_once(host)
    with pytest.raises(InstallError, match=r"SSSD does not start.*removed again"):
        host.install()
    assert not host.has(SSSD_DROP_IN)
    assert host.system.done[-1] == "sssd"


def refuse_once(host):
    original = host.system.restart_sssd

    def restart():
        if host.has(SSSD_DROP_IN):
            raise InstallError("SSSD does not start: see `journalctl -u sssd`")
        original()

    return restart


def test_a_hook_that_locks_root_out_is_taken_out_at_once(host):
    host.system.refusal = "su: cannot open session"
    with pytest.raises(InstallError, match="root cannot use su any more"):
        host.install()
    assert host.read(COMMON_FILES[0]) == "session required pam_unix.so\n"
    assert not host.has(SSSD_DROP_IN)


def test_common_files_that_were_edited_by_hand_are_left_alone_with_a_word_on_what_to_do(host):
    host.system.pam_edited_by_hand = True
    with pytest.raises(InstallError, match="pam-auth-update --force") as raised:
        host.install()
    assert PAM_LINES[1] in str(raised.value)


def test_without_sssd_no_user_s_shell_is_changed_and_it_says_so(host):
    (host.root / "etc/sssd/sssd.conf").unlink()
    host.install()
    assert any("SSSD is not configured here" in line for line in host.said)
    # A drop-in alone would start SSSD at the next boot.
    assert not host.has(SSSD_DROP_IN)
    host.write("etc/sssd/sssd.conf", "[sssd]\n")
    host.install()
    assert host.has(SSSD_DROP_IN)


def test_elsewhere_than_on_debian_it_says_which_lines_to_add(host):
    shutil.rmtree(host.root / "usr/share/pam-configs")
    host.install()
    (said,) = [line for line in host.said if "pam_loginuid" in line]
    assert all(line in said for line in PAM_LINES)
    assert host.has(SSSD_DROP_IN)


def test_attributes_that_others_want_of_sssd_stay(host):
    host.write("etc/sssd/sssd.conf", "[sssd]\n[ifp]\nuser_attributes = +mail, +originalMemberOf\n")
    host.write("etc/sssd/conf.d/50-more.conf", "[ifp]\nuser_attributes = +mail, +phone\n")
    host.install()
    assert "user_attributes = +mail, +phone, +originalMemberOf\n" in host.read(SSSD_DROP_IN)
    host.install()
    assert host.said == [UP_TO_DATE]


def test_auditd_is_given_its_plugin_when_there_is_one(host):
    shutil.rmtree(host.layout.at(AUDIT_PLUGIN.parent))
    host.install()
    assert "auditd" not in host.system.done
    host.layout.at(AUDIT_PLUGIN.parent).mkdir()
    assert not host.check()
    assert host.said == [f"would place {AUDIT_PLUGIN}", "would have auditd read its plugins again"]
    host.install()
    assert "path = /usr/libexec/session-recording/audit-plugin" in host.read(AUDIT_PLUGIN)
    assert host.system.done == ["check", "auditd"]
    assert host.check()
    host.uninstall()
    assert not host.has(AUDIT_PLUGIN)
    assert "auditd" in host.system.done


def test_new_code_is_run_by_the_audit_service_as_well(installed):
    (installed.source / "recorder/service.py").write_text("# newer\n")
    installed.install()
    assert f"start {AUDIT}" in installed.system.done


def test_a_local_user_whose_shell_it_is_would_be_locked_out_so_it_stays(installed):
    installed.system.users = ["eve"]
    with pytest.raises(InstallError, match=r"the shell of eve.*chsh"):
        installed.uninstall()
    assert installed.has(LOGIN_SHELL)
    assert installed.has(SSSD_DROP_IN)


STOPPED_AT = [
    *("account", "directories", "compile", "units", f"start {RESPONDER}", f"start {RECORDER}", f"start {AUDIT}"),
    *("auditd", "pam", "sssd"),
]


@pytest.mark.parametrize("moment", STOPPED_AT)
def test_an_interrupted_run_is_finished_by_the_next(host, moment):
    before = host.files()
    host.system.interrupted = moment
    with pytest.raises(KeyboardInterrupt):
        host.install()
    host.install()
    assert host.said[-1] == "Session recording is in place."
    assert host.check()
    host.uninstall()
    after = host.files()
    after.pop(str(KEY.relative_to("/")))
    assert after == before


@pytest.mark.parametrize("moment", STOPPED_AT)
def test_an_interrupted_run_can_be_uninstalled(host, moment):
    host.write(str(COMMAND), "somebody's own\n")
    before = host.files()
    host.system.interrupted = moment
    with pytest.raises(KeyboardInterrupt):
        host.install()
    host.uninstall()
    after = host.files()
    after.pop(str(KEY.relative_to("/")), None)
    assert after == before


@pytest.mark.parametrize("moment", ["sssd", "no pam", "auditd", f"stop {AUDIT}", f"stop {RECORDER}", "units"])
def test_an_interrupted_uninstallation_is_finished_by_the_next(host, moment):
    host.write(str(COMMAND), "somebody's own\n")
    before = host.files()
    host.install()
    host.system.interrupted = moment
    with pytest.raises(KeyboardInterrupt):
        host.uninstall()
    host.uninstall()
    after = host.files()
    after.pop(str(KEY.relative_to("/")))
    assert after == before


def test_sssd_is_restarted_by_the_next_run_when_it_was_not_after_the_drop_in(installed):
    manifest = json.loads(installed.layout.manifest.read_text())
    installed.layout.manifest.write_text(json.dumps({**manifest, "sssd": False}))
    installed.install()
    assert installed.system.done == ["check", "sssd"]


def test_without_a_manifest_what_is_ours_is_found_by_its_contents(installed):
    installed.layout.manifest.unlink()
    installed.write(f"/usr/lib/systemd/system/{RECORDER}", "somebody's own\n")
    installed.uninstall()
    assert not installed.has(LOGIN_SHELL)
    assert not installed.has(CODE / "sessrec.py")
    assert installed.read(f"/usr/lib/systemd/system/{RECORDER}") == "somebody's own\n"


def test_what_was_changed_where_it_was_placed_is_not_its_own_measure(installed):
    own = Host.__new__(Host)
    own.__dict__.update(installed.__dict__)
    own.layout = Layout(installed.root, installed.layout.at(CODE))
    own.install()
    assert own.said == [UP_TO_DATE]
    own.write(str(CODE / "recorder/service.py"), "# changed\n")
    assert not own.check()
    assert own.said[0] == f"would put right {CODE}/recorder/service.py, which was changed since it was placed"
    with pytest.raises(InstallError, match="run it from the sources"):
        own.install()
    installed.install()
    assert own.check()


def test_an_incomplete_copy_of_the_sources_is_named(host):
    (host.source / "recorder/login_shell.py").unlink()
    with pytest.raises(InstallError, match=r"login_shell\.py is missing"):
        host.install()
    assert host.system.done == ["check"]


def test_of_two_runs_at_the_same_time_one_gives_up(host):
    with install_files.alone(host.layout), pytest.raises(BlockingIOError), install_files.alone(host.layout):
        pass


@pytest.fixture
def packaged(host):
    """The same host where packages have placed the files, as packaging/install.py writes their lists."""
    contents = host.layout.contents()
    for package in (COMMON_PACKAGE, HOST_PACKAGE):
        lines = []
        for path, content in contents.items():
            if (path.is_relative_to(CODE / "host")) == (package == HOST_PACKAGE):
                host.write(str(path), content.data.decode())
                lines.append(f"{install_files.sha256(content.data)}  {path}\n")
        host.write(str(PACKAGES / f"{package}.sha256sums"), "".join(lines))
    host.layout = host.system.layout = Layout(host.root, host.layout.at(CODE))
    return host


def test_what_packages_have_placed_is_neither_placed_again_nor_removed(packaged):
    before = packaged.files()
    packaged.install()
    assert not [line for line in packaged.said if str(CODE) in line]
    assert "compile" not in packaged.system.done
    assert packaged.has(SSSD_DROP_IN)
    packaged.uninstall()
    after = packaged.files()
    assert after.pop(str(KEY.relative_to("/")))
    assert after == before


def test_a_newer_version_of_the_packages_is_started(packaged):
    packaged.install()
    newer = "# recorder/service.py, newer\n"
    list_ = PACKAGES / f"{COMMON_PACKAGE}.sha256sums"
    old = install_files.sha256(packaged.layout.at(CODE / "recorder/service.py").read_bytes())
    packaged.write(str(CODE / "recorder/service.py"), newer)
    packaged.write(str(list_), packaged.read(list_).replace(old, install_files.sha256(newer.encode())))
    packaged.install()
    assert packaged.said[:2] == [f"start {RESPONDER}", f"start {RECORDER}"]
    packaged.install()
    assert packaged.said == [UP_TO_DATE]


def test_a_newer_version_of_the_packages_that_does_not_answer_gives_way_to_the_one_before(packaged):
    packaged.install()
    service, list_ = CODE / "recorder/service.py", PACKAGES / f"{COMMON_PACKAGE}.sha256sums"
    good = packaged.read(service)
    packaged.write(f"/var/lib/session-recording/before-upgrade/{COMMON_PACKAGE}{service}", good)
    newer = "# broken\n"
    old, new = (install_files.sha256(text.encode()) for text in (good, newer))
    packaged.write(str(service), newer)
    packaged.write(str(list_), packaged.read(list_).replace(old, new))
    packaged.system.broken = "broken"
    with pytest.raises(InstallError, match="nobody is there"):
        packaged.install()
    assert packaged.read(service) == good
    assert packaged.said[-1] == "the version that was there before is in its place again"
    assert packaged.has(SSSD_DROP_IN)
    with pytest.raises(InstallError, match=f"install the packages {COMMON_PACKAGE} and {HOST_PACKAGE} again"):
        packaged.install()


def test_a_checkout_leaves_what_packages_have_alone(packaged):
    packaged.layout = Layout(packaged.root, packaged.source)
    for action in (packaged.install, packaged.check, packaged.uninstall):
        with pytest.raises(InstallError, match=f"belong to packages: install {HOST_PACKAGE}"):
            action()


def test_packages_take_over_what_a_checkout_has_placed(host):
    host.write("usr/bin/sessrec", "somebody's own\n")
    (host.source / "auditor/old.py").write_text("")
    host.install()
    assert host.has(CODE / "auditor/old.py")
    (host.source / "auditor/old.py").unlink()
    contents = host.layout.contents()
    lines = [f"{install_files.sha256(content.data)}  {path}\n" for path, content in contents.items()]
    host.write(str(PACKAGES / f"{HOST_PACKAGE}.sha256sums"), "".join(lines))
    host.layout = host.system.layout = Layout(host.root, host.layout.at(CODE))
    host.install()
    assert host.said[0] == f"leave {len(contents)} files to the packages that have them now"
    assert not host.has(CODE / "auditor/old.py")
    host.uninstall()
    assert "sessrec import command" in host.read(COMMAND)
    assert not host.has(SSSD_DROP_IN)


def test_a_file_of_a_package_that_somebody_has_changed_is_named(packaged):
    packaged.install()
    packaged.write(str(LOGIN_SHELL), "changed\n")
    assert install_files.differs_from_manifest(packaged.layout) == [str(LOGIN_SHELL)]
    assert not packaged.check()
    assert packaged.said[0] == f"would put right {LOGIN_SHELL}, which was changed since it was placed"
    with pytest.raises(InstallError, match=f"install the packages {COMMON_PACKAGE} and {HOST_PACKAGE} again"):
        packaged.install()
    packaged.layout.at(LOGIN_SHELL).unlink()
    with pytest.raises(InstallError, match=f"login-shell is missing: install {HOST_PACKAGE}"):
        packaged.install()
