"""The auditor's page in the lab: `sessrec serve` on the client, its service and certificate, and requests to it."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from integration.entries import Policies
from integration.machine import PASSWORD, Machine

HOST = "client.lab.test"
ORIGIN = f"https://{HOST}:8443"
PLACE = "/root/web"
CODE = "/root/session-recording/sessrec.py"
STORE = f"{PLACE}/store.sqlite"
PRINCIPAL = f"HTTP/{HOST}"

SETTINGS = f"""
[web]
listen = "0.0.0.0:8443"
store = "{STORE}"
ledger = "{PLACE}/ledger.db"
tls_cert = "{PLACE}/server.crt"
tls_key = "{PLACE}/server.key"
keytab = "{PLACE}/web.keytab"
embed_origin = "https://ipa.lab.test"

[web.access]
refresh = 2

[[web.access.rule]]
role = "Session Recording Auditor"
scope = "all"
rights = ["watch", "input", "export", "control"]

[[web.access.rule]]
group = "web-auditors"
hostgroups = ["production"]
rights = ["watch", "export"]

[[web.access.rule]]
group = "contractors"
scope = "own"
rights = ["watch", "control"]
"""
"""otto sees everything; who is in web-auditors the hosts of production; bob his own sessions, which he controls as
far as FreeIPA lets him, and it does not."""


CURL = ("curl", "-s", "-i", "-N", "-m", "3", "--cacert", "/root/lab/ca.crt")
"""A request on the client, whose answer is printed with its headers; for three seconds if it does not end."""


@dataclass(frozen=True)
class Answer:
    """What a request came back with; `statuses` are those of all on the way there."""

    status: int
    statuses: list[int]
    headers: str
    text: str

    @property
    def json(self) -> Any:
        """The text, read as JSON."""
        return json.loads(self.text)


class Viewer:
    """Somebody with a ticket and a browser's cookies, by curl on the client."""

    def __init__(self, client: Machine, name: str, origin: str = ORIGIN) -> None:
        self.client, self.name, self.origin = client, name, origin
        self._jar = f"{PLACE}/{name}-{len(origin)}.cookies"
        client.run("rm", "-f", self._jar)

    def get(self, path: str, *options: str) -> Answer:
        """A request with the ticket and the cookies that there are."""
        signed_in = ("--negotiate", "-u", ":", "-b", self._jar, "-c", self._jar)
        argv = (*CURL, *signed_in, *options, f"{self.origin}{path}")
        done = self.client.run(*argv, principal=self.name, check=False, timeout=30)
        # 28: more would come, of what goes on as long as its session.
        assert done.returncode in (0, 28), f"curl {path}: {done.returncode} {done.stderr}"
        return _answer(done.stdout)

    def get_all(self, paths: Sequence[str]) -> dict[str, Answer]:
        """Requests one after the other, for which the client is entered once: that is what takes the time."""
        signed_in = ("--negotiate", "-u", ":", "-b", self._jar, "-c", self._jar)
        each = 'while read -r address; do "$@" "$address"; printf "\\0"; done'
        told = "".join(f"{self.origin}{path}\n" for path in paths)
        argv = ("sh", "-c", each, "-", *CURL, *signed_in)
        said = self.client.run(*argv, principal=self.name, input=told).stdout.split("\0")
        return {path: _answer(text) for path, text in zip(paths, said[:-1], strict=True)}

    def post(self, path: str, **fields: str) -> Answer:
        """A form, with the token of a page of his."""
        token = self.get("/sessions").text.partition('name="csrf-token" content="')[2].partition('"')[0]
        return self.get(path, "-H", f"X-CSRF-Token: {token}", "--data", urlencode(fields))


def _answer(said: str) -> Answer:
    rest, statuses, headers = said, [], ""
    while rest.startswith("HTTP/"):
        headers, _, rest = rest.partition("\n\n")
        statuses.append(int(headers.split()[1]))
    assert statuses, f"no answer, but {said!r}"
    return Answer(statuses[-1], statuses, headers, rest)


class AuditorPage:
    """It is set up when this is made, and gone with `close`."""

    def __init__(self, server: Machine, client: Machine) -> None:
        self.server, self.client = server, client
        self._in_freeipa(_SET_UP)
        client.run("sh", "-c", f"rm -rf {PLACE} && mkdir -p {PLACE} && cat >{PLACE}/web.toml", input=SETTINGS)
        self.keytab(PRINCIPAL, "web.keytab")
        for name, content in zip(("server.key", "server.crt"), self.certificate(HOST), strict=True):
            client.run("sh", "-c", f"cat >{PLACE}/{name}", input=content)
        self.start("ingest", "ingest", "--journal", "--follow", "--quiet", "--no-rules", "--store", STORE)
        self.start("serve", "serve", "--settings", f"{PLACE}/web.toml")
        self.wait_for(f"{ORIGIN}/static/base.css")

    def keytab(self, principal: str, name: str) -> None:
        """A keytab from FreeIPA, at a place of the page on the client."""
        # The key never lies where a principal of its own machine would not have it.
        done = self.server.run(
            "sh",
            "-c",
            f"rm -f web.keytab; ipa-getkeytab -p {principal} -k web.keytab >&2 && base64 web.keytab; rm web.keytab",
            principal="admin",
        )
        self.client.run("sh", "-c", f"base64 -d >{PLACE}/{name}", input=done.stdout)

    def certificate(self, host: str) -> tuple[str, str]:
        """Key and certificate for a host, by the lab's authority."""
        return certificate(self.server, host)

    def start(self, unit: str, *arguments: str) -> None:
        """Run `sessrec ARGUMENTS` as a service."""
        self.stop(unit)
        self.client.run("systemd-run", "--quiet", f"--unit=lab-{unit}", "python3", CODE, *arguments)

    def stop(self, unit: str) -> None:
        """End that service."""
        name = f"lab-{unit}"
        self.client.run("sh", "-c", f"systemctl stop {name}; systemctl reset-failed {name}", check=False)

    def said(self, unit: str = "serve") -> str:
        """What the service wrote."""
        return self.client.run("journalctl", "-u", f"lab-{unit}", "-o", "cat").stdout

    def wait_for(self, address: str, within: float = 60) -> None:
        """Wait until there is an answer, even a refusal."""
        until = time.monotonic() + within
        options = ("-s", "-o", "/dev/null", "--cacert", "/root/lab/ca.crt")
        while self.client.run("curl", *options, address, check=False).returncode:
            assert time.monotonic() < until, f"{address} is not served: {self.said()}"
            time.sleep(0.2)

    def close(self) -> None:
        """Stop it, and take from FreeIPA what was put there."""
        for unit in ("serve", "behind", "ingest", "elsewhere"):
            self.stop(unit)
        self._in_freeipa(_TAKEN_BACK)

    def _in_freeipa(self, calls: str) -> None:
        # All in one process, since each `ipa` takes a second or two. What is so already is no error.
        Policies(self.server).change(_QUIETLY + calls)


_QUIETLY = """
def quietly(command, *arguments, **options):
    try:
        command(*arguments, **options)
    except Exception as error:
        print(error)

"""
_SET_UP = f"""
quietly(service_add, "{PRINCIPAL}", force=True)
quietly(group_add, "web-auditors")
quietly(recordingconfig_mod, iparecordingplayerurl="{ORIGIN}")
quietly(servicedelegationtarget_add_member, "session-recording-web", principal="{PRINCIPAL}")
quietly(servicedelegationrule_add_member, "session-recording-web-control", principal="{PRINCIPAL}")
"""
_TAKEN_BACK = f"""
quietly(recordingconfig_mod, iparecordingplayerurl=None)
quietly(service_del, "{PRINCIPAL}")
quietly(group_del, "web-auditors")
"""


def certificate(server: Machine, host: str) -> tuple[str, str]:
    """Key and certificate for a host, by the lab's authority, which is on the server."""
    key, mark, rest = server.run("sh", "-ec", _CERTIFICATE, "-", host).stdout.partition("-----BEGIN CERTIFICATE-----")
    return key, mark + rest


def ticket_in(browser: Machine, user: str) -> str:
    """A credential cache of the browser's machine with this user's ticket."""
    cache = f"/tmp/{user}.ccache"
    # Forwardable, as those of enrolled machines are: the page acts for who has it.
    browser.run("kinit", "-f", "-c", cache, user, input=f"{PASSWORD}\n")
    return cache


_CERTIFICATE = """
cd "$(mktemp -d)"
openssl req -newkey rsa:2048 -nodes -keyout key -out csr -subj "/O=LAB.TEST/CN=$1" 2>/dev/null
printf 'subjectAltName=DNS:%s\\nextendedKeyUsage=serverAuth\\nbasicConstraints=CA:FALSE\\n' "$1" >extensions
openssl x509 -req -in csr -CA /root/certificates/ca.crt -CAkey /root/certificates/ca.key -CAcreateserial -days 3650 \
  -extfile extensions -out crt 2>/dev/null
cat key crt
"""
