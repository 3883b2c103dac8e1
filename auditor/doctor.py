"""For `sessrec doctor`, what is wrong on a machine of auditors': the page, what fills its store, the store itself."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from recorder.doctor import Finding
from recorder.errors import SessrecError
from recorder.paths import WEB_SETTINGS

if TYPE_CHECKING:
    from auditor.web.settings import WebSettings

PART = "auditor"

WEB, INGEST = "session-recording-web.service", "session-recording-ingest.service"

SOON = 14 * 86_400.0
"""Seconds before the end of a certificate within which it is told of."""


def present() -> bool:
    """Whether the page is served here, or something taken into a store."""
    return WEB_SETTINGS.exists() or any(unit_state(unit) in ("active", "failed") for unit in (WEB, INGEST))


def findings() -> Iterator[Finding]:
    """All of them."""
    from auditor.doctor_store import store_findings
    from auditor.web.settings import WebSettings, WebSettingsError, load

    settings = WebSettings()
    if WEB_SETTINGS.exists():
        try:
            settings = load(WEB_SETTINGS)
        except WebSettingsError as error:
            yield Finding(PART, "settings", "critical", str(error), f"vi {WEB_SETTINGS}")
            return
        yield from page(settings)
        yield service(WEB, unit_state(WEB))
    yield service(INGEST, unit_state(INGEST))
    yield from store_findings(settings.store, settings.ledger)
    yield from other_settings()


def page(settings: "WebSettings") -> Iterator[Finding]:
    """What the page's settings name: rules, keytab, certificate, token, player."""
    from auditor.web.access.access_rules import AccessError, read_access
    from auditor.web.access.metrics_reader import read_token
    from auditor.web.frontend import player_files

    mend = f"vi {settings.source}"
    yield Finding(PART, "settings", "ok", f"{settings.source} can be used")
    try:
        read_access(settings.access)
        yield Finding(PART, "access", "ok", "the rules of [web.access] can be read")
    except AccessError as error:
        yield Finding(PART, "access", "critical", str(error), mend)
    yield keytab(settings.keytab)
    if settings.tls_cert:
        yield certificate(Path(settings.tls_cert))
    try:
        read_token(settings.metrics_token)
    except SessrecError as error:
        yield Finding(
            PART, "metrics", "critical", str(error), f"(umask 077; openssl rand -hex 32 > {settings.metrics_token})"
        )
    if not player_files.present():
        yield Finding(PART, "player", "critical", player_files.MISSING, f"python3 {player_files.__file__}")


def keytab(file: str) -> Finding:
    """Whether there is one."""
    mend = f"ipa-getkeytab -p HTTP/$(hostname -f) -k {file or '/etc/session-recording/web.keytab'}"
    if not file:
        return Finding(PART, "keytab", "critical", "no keytab is set, so nobody can sign in", mend)
    try:
        with open(file, "rb") as opened:
            # MIT's krb5_kt_file: the version of the format, the second of which is in use.
            if opened.read(2) == b"\x05\x02":
                return Finding(PART, "keytab", "ok", f"{file} is there")
        return Finding(PART, "keytab", "critical", f"{file} is no keytab", f"rm {file}; {mend}")
    except OSError as error:
        return Finding(PART, "keytab", "critical", f"{file}: {error.strerror}", mend)


def certificate(path: Path) -> Finding:
    """Whether it can be read, and how long it is good."""
    from cryptography import x509

    mend = f"ipa-getcert resubmit -f {path}"
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "no certificate in PEM"
        return Finding(PART, "tls", "critical", f"{path}: {said}", mend)
    # Debian 12's has no not_valid_after_utc, and newer ones warn of the other.
    name = "not_valid_after_utc" if hasattr(found, "not_valid_after_utc") else "not_valid_after"
    end = getattr(found, name).replace(tzinfo=UTC)
    text = f"{path} is good until {end:%Y-%m-%d}"
    left = (end - datetime.now(UTC)).total_seconds()
    if left < SOON:
        return Finding(PART, "tls", "critical" if left < 0 else "warning", text, mend)
    return Finding(PART, "tls", "ok", text)


def service(unit: str, state: str) -> Finding:
    """Whether it runs."""
    name = unit.removesuffix(".service")
    if state == "active":
        return Finding(PART, "service", "ok", f"{name} runs")
    if state in ("", "unknown"):
        return Finding(
            PART, "service", "warning", f"nobody can say whether {name} runs: systemd does not answer",
            f"ps -ef | grep -w {'serve' if unit == WEB else 'ingest'}",
        )  # fmt: skip
    text = f"{name} is {state}: see `journalctl -u {name}`"
    return Finding(PART, "service", "critical", text, f"systemctl enable --now {unit}")


def other_settings() -> Iterator[Finding]:
    """Retention and rules, where there are some."""
    from auditor.ledger import retention_policies
    from auditor.rules import files

    if retention_policies.FILE.exists():
        try:
            retention_policies.load()
        except SessrecError as error:
            yield Finding(PART, "retention", "critical", str(error), f"vi {retention_policies.FILE}")
    try:
        files.installed().checked()
    except SessrecError as error:
        yield Finding(PART, "rules", "warning", str(error), "sessrec rules check")


def unit_state(unit: str) -> str:
    """As systemd has it, "" where nobody can say."""
    try:
        done = subprocess.run(
            ["systemctl", "show", "-p", "ActiveState", "--value", unit], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
