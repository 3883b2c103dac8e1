"""A machine in a directory, for the installer: what is placed is real, systemd, PAM and SSSD are played."""

import shutil
from pathlib import Path

from host.install import Installation
from host.install_error import InstallError
from host.install_layout import CODE, Layout
from host.install_pam import COMMON_FILES
from host.pam_lines import PAM_LINES

ROOT = Path(__file__).parent.parent


class Played:
    """A machine as the installer sees it; `done` says what it was told to do."""

    def __init__(self, layout):
        self.layout, self.done = layout, []
        self.account, self.up, self.users = False, set(), []
        self.failing = self.interrupted = self.problem = self.refusal = ""
        self.pam_edited_by_hand = False
        self.broken = ""
        """A word in the recorder's starter with which it does not answer."""

    def check(self):
        self._do("check")

    def account_exists(self):
        return self.account

    def create_account(self):
        self._do("account")
        self.account = True

    def remove_account(self):
        self.account = False

    def create_directories(self):
        self._do("directories")
        for name in ("run/session-recording/sessions", "var/lib/session-recording/recordings"):
            (self.layout.root / name).mkdir(parents=True, exist_ok=True)

    def compile(self):
        self._do("compile")

    def take_up_units(self):
        self._do("units")

    def is_up(self, unit):
        return unit in self.up

    is_enabled = is_up

    def start(self, unit):
        self._do(f"start {unit}")
        self.up.add(unit)

    def stop(self, unit):
        self._do(f"stop {unit}")
        self.up.discard(unit)

    def seems_unanswered(self):
        return self.unanswered()

    def unanswered(self, wait=0):
        starter = self.layout.at(CODE) / "recorder/service.py"
        if not self.up or (self.broken and self.broken in starter.read_text()):
            return "nobody is there"
        return self.problem

    def enable_pam_profile(self):
        self._do("pam")
        for path in () if self.pam_edited_by_hand else COMMON_FILES:
            with self.layout.at(path).open("a") as file:
                file.writelines(f"{line}\n" for line in PAM_LINES)

    def disable_pam_profile(self):
        self._do("no pam")
        for path in COMMON_FILES:
            text = self.layout.at(path).read_text()
            self.layout.at(path).write_text(
                "".join(line for line in text.splitlines(True) if line[:-1] not in PAM_LINES)
            )

    def refused_by_pam(self):
        return self.refusal

    def restart_sssd(self):
        self._do("sssd")

    def reload_auditd(self):
        self._do("auditd")

    def local_users_of(self, shell):
        return self.users

    def _do(self, what):
        if self.interrupted == what:
            self.interrupted = ""
            raise KeyboardInterrupt
        if self.failing == what:
            raise InstallError(f"{what} failed")
        self.done.append(what)


class Host:
    """A machine in a directory, with sources that are as small as they can be."""

    def __init__(self, directory):
        source = directory / "checkout"
        for name in (
            *("sessrec.py", "recorder/__init__.py", "recorder/service.py", "recorder/login_shell.py"),
            *("sssd_responder/pam_hook.py", "sssd_responder/pam_env.conf", "auditor/verify.py"),
            *("ipa_plugin/__init__.py", "ipa_plugin/policy.py", "ipa_plugin/install.py"),
        ):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text(f"# {name}\n")
        shutil.copytree(ROOT / "host/files", source / "host/files")
        self.root, self.source = directory / "root", source
        for name, text in {
            "etc/shells": "/bin/sh\n/bin/bash\n",
            "etc/pam.d/common-session": "session required pam_unix.so\n",
            "etc/pam.d/common-session-noninteractive": "session required pam_unix.so\n",
            "etc/sssd/sssd.conf": "[sssd]\ndomains = lab.test\n[domain/lab.test]\nid_provider = ipa\n",
            "etc/audit/plugins.d/af_unix.conf": "active = no\n",
            "usr/share/pam-configs/unix": "",
            "usr/bin/true": "",
        }.items():
            self.write(name, text)
        self.layout = Layout(self.root, source)
        self.system = Played(self.layout)
        self.said = []

    def write(self, name, text):
        path = self.root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read(self, path):
        return self.layout.at(Path(path)).read_text()

    def has(self, path):
        return self.layout.at(Path(path)).exists()

    def install(self, before_first=None):
        return self._run(lambda installation: installation.install(self.said.append, before_first))

    def uninstall(self, purge=False):
        return self._run(lambda installation: installation.uninstall(self.said.append, purge))

    def check(self):
        return self._run(lambda installation: installation.check(self.said.append))

    def _run(self, action):
        self.said.clear()
        self.system.done.clear()
        return action(Installation(self.layout, self.system))

    def files(self):
        return {
            str(path.relative_to(self.root)): (path.read_bytes(), path.stat().st_mode)
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }
