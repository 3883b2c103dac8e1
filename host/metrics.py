"""What a host counts of itself, as Prometheus reads it. Nothing here names a user or a recording.

Names, units and labels are those of docs/operations.md; a test holds them together.
"""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from host.metrics_sessions import Sessions
from host.metrics_traffic import Traffic
from host.status_check import LEVELS, Check
from recorder.capture.session import VERSION
from recorder.errors import SessrecError
from recorder.logins.tally import FAILED, RECORDED, REFUSED, UNRECORDED

PREFIX = "session_recording_"


class MetricsError(SessrecError):
    """The numbers cannot be had or written; the text says why."""


@dataclass(frozen=True)
class Found:
    """All that was looked at. `report` is the responder's, `audit` the audit service's, {} where there is none."""

    checks: list[Check]
    sessions: Sessions
    tally: Mapping[str, int]
    traffic: Traffic | None
    report: dict[str, Any] = field(default_factory=dict)
    audit: dict[str, Any] = field(default_factory=dict)


def text(found: Found) -> bytes:
    """In Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(found))
    return generate_latest(registry)


def write(path: Path, data: bytes) -> None:
    """Replace a file at once: who reads it never sees a half. Raises MetricsError."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_bytes(data)
        new.chmod(0o644)
        new.rename(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise MetricsError(f"{path} cannot be written: {error.strerror}; name another --textfile") from error


class _Collector:
    def __init__(self, found: Found) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        found = self._found
        yield _gauge("info", "What runs here.", 1, version=VERSION)
        yield _gauge("collected_timestamp_seconds", "When these numbers were looked up.", time.time())
        yield _checks(found.checks)
        yield from _sessions(found.sessions)
        yield from _logins(found.tally)
        if found.traffic is not None:
            yield from _traffic(found.traffic)
        yield from _policies(found.report)
        yield from _audit(found.report.get("audit") or {}, found.audit)


def _checks(checks: list[Check]) -> Metric:
    worst: dict[str, int] = {}
    for check in checks:
        worst[check.name] = max(worst.get(check.name, 0), LEVELS.index(check.level))
    help = "The parts of `sessrec host status`: 0 ok, 1 a warning, 2 critical."
    return _each(GaugeMetricFamily(f"{PREFIX}check", help, labels=["check"]), worst)


def _sessions(sessions: Sessions) -> Iterator[Metric]:
    family = GaugeMetricFamily(f"{PREFIX}sessions", "Sessions that are recorded now.", labels=["kind"])
    yield _each(family, sessions.kinds)
    yield _gauge("sessions_silent", "Sessions whose recorder does not answer.", sessions.silent)
    yield _gauge(
        "waiting_bytes", "Bytes of messages that recorders keep, since the sink does not take them.", sessions.waiting
    )


def _logins(tally: Mapping[str, int]) -> Iterator[Metric]:
    yield _counter("sessions_begun", "Sessions that were begun to be recorded since boot.", tally[RECORDED])
    yield _counter(
        "sessions_failed", "Sessions that were ended since they could not be recorded any more.", tally[FAILED]
    )
    yield _counter("logins_refused", "Logins that were refused since they could not be recorded.", tally[REFUSED])
    yield _counter("logins_unrecorded", "Logins that went on although they could not be recorded.", tally[UNRECORDED])


def _traffic(traffic: Traffic) -> Iterator[Metric]:
    messages = CounterMetricFamily(f"{PREFIX}messages", "Messages in the sink.", labels=["type"])
    yield _each(messages, traffic.messages)
    yield _counter("message_bytes", "Bytes of these messages.", traffic.message_bytes)
    ended = CounterMetricFamily(f"{PREFIX}sessions_ended", "Ends of recordings, by their reason.", labels=["reason"])
    yield _each(ended, traffic.ended)
    yield _counter("lost_bytes", "Bytes of terminals that were not recorded.", traffic.lost_bytes)
    yield _counter("lost_messages", "Messages that were not made, since nobody took them.", traffic.lost_messages)
    yield _counter("lost_events", "Events of audit that did not arrive.", traffic.lost_events)


def _policies(report: Mapping[str, Any]) -> Iterator[Metric]:
    directory, local = report.get("directory") or {}, report.get("local") or {}
    family = GaugeMetricFamily(f"{PREFIX}policies", "Policies that are in force here.", labels=["source"])
    if directory.get("used"):
        family.add_metric(["freeipa"], directory.get("policies") or 0)
    if report:
        family.add_metric(["local"], local.get("policies") or 0)
        family.add_metric(["unreadable"], len(report.get("unreadable") or []))
    yield family
    if directory.get("used") and directory.get("age") is not None:
        yield _gauge("policies_age_seconds", "Since FreeIPA's policies were last read.", directory["age"])


def _audit(rules: Mapping[str, Any], service: Mapping[str, Any]) -> Iterator[Metric]:
    if rules:
        yield _gauge("audit_rules", "Audit rules of session recording.", rules.get("rules") or 0)
        yield _gauge("audit_users", "Login uids that they are for.", len(rules.get("users") or {}))
    if service:
        yield _gauge("audit_waiting_events", "Events that no recorder has taken yet.", service.get("waiting") or 0)
        yield _counter(
            "audit_lost",
            "Records and events that the audit service has missed since it started.",
            service.get("lost"),
        )


def _each(family: GaugeMetricFamily | CounterMetricFamily, values: Mapping[str, float]) -> Metric:
    """The family with a value for each of its label's values."""
    for label, value in values.items():
        family.add_metric([label], value)
    return family


def _gauge(name: str, help: str, value: float, **labels: str) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}{name}", help, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family


def _counter(name: str, help: str, value: float | None) -> Metric:
    return CounterMetricFamily(f"{PREFIX}{name}", help, value=value or 0)
