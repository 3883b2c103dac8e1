"""A machine of the running lab, and who may act on it."""

import subprocess
from pathlib import Path

LAB = Path(__file__).parent / "lab/lab"
PASSWORD = "Secret123"
REALM = "LAB.TEST"
PRINCIPALS = {
    "admin": "",
    "alice": "",
    "bob": "",
    "rita": "",
    "otto": "",
    "host": "host/client.lab.test",
    "other": "host/other.lab.test",
}
"""Whom a test may act as. admin; alice; bob of the group contractors, which is in the group externals; rita, who has
the role Session Recording Administrator; otto, who is Session Recording Auditor; and two hosts, of which the client
is in the host group web, that in production, and other.lab.test in none. A host has a keytab, on both machines."""


class Machine:
    """One of server, client and browser, entered as root."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._tickets: set[str] = set()

    def run(
        self, *argv: str, principal: str = "", input: str = "", check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a command, with a ticket of `principal` (of PRINCIPALS) if one is named.

        `check` makes a status other than 0 an AssertionError that shows what the command said; `timeout` is in
        seconds.
        """
        if principal:
            argv = ("env", f"KRB5CCNAME={self._ticket(principal)}", *argv)
        done = subprocess.run(
            [LAB, "run", self.name, *argv], input=input, capture_output=True, text=True, timeout=timeout
        )
        assert not check or done.returncode == 0, f"{argv}: status {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def ipa(self, *argv: str, principal: str = "admin", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of FreeIPA that asks nothing: machine.ipa("user-show", "alice")."""
        return self.run("ipa", "--no-prompt", *argv, principal=principal, check=check)

    def copy_in(self, source: Path, target: str) -> None:
        """Copy a file, or a directory with all that is in it, to the path `target` on the machine."""
        name = Path(target)
        packed = subprocess.run(
            ["tar", "c", "--exclude=__pycache__", f"--transform=s,^\\.,{name.name},", "-C", source, "."]
            if source.is_dir()
            else ["tar", "c", f"--transform=s,.*,{name.name},", "-C", source.parent, source.name],
            stdout=subprocess.PIPE,
            check=True,
        )
        subprocess.run([LAB, "run", self.name, "tar", "x", "-C", name.parent], input=packed.stdout, check=True)

    def copy_out(self, source: str, target: Path) -> None:
        """Copy the file at the path `source` on the machine to `target`."""
        with target.open("wb") as file:
            subprocess.run([LAB, "run", self.name, "cat", source], stdout=file, check=True)

    def _ticket(self, principal: str) -> str:
        """The credential cache of a principal, got at its first use."""
        cache = f"/root/lab/{principal}.ccache"
        if principal not in self._tickets:
            if host := PRINCIPALS[principal]:
                self.run("kinit", "-c", cache, "-k", "-t", f"/root/lab/{principal}.keytab", host)
            else:
                self.run("kinit", "-c", cache, principal, input=f"{PASSWORD}\n")
            self._tickets.add(principal)
        return cache
