"""The configurations of log servers that stand in this directory, with the address of a store in them."""

from importlib.resources import files

from auditor.elasticsearch.address import Address
from recorder.errors import SessrecError

NAMES = {
    "rsyslog": "rsyslog/rsyslog.conf",
    "rsyslog-service": "rsyslog/session-recording-rsyslog.service",
    "rsyslog-socket": "rsyslog/session-recording-rsyslog.socket",
    "rsyslog-resend-service": "rsyslog/session-recording-resend.service",
    "rsyslog-resend-timer": "rsyslog/session-recording-resend.timer",
    "fluent-bit": "fluent-bit/fluent-bit.yaml",
    "fluent-bit-filter": "fluent-bit/session_recording.lua",
    "fluentd": "fluentd/fluent.conf",
    "logstash": "logstash/session-recording.conf",
    "vector": "vector/vector.toml",
}
"""What `sessrec store log-server` prints, and the file that it is."""

EXAMPLE = Address("https://search.example.test:9200")
"""The address that stands in the files."""


class LogServerError(SessrecError):
    """There is no configuration of that name."""

    exit_status = 2


def configuration(name: str, address: Address | None = None) -> str:
    """A configuration as text, for the store at this address. Raises LogServerError."""
    if name not in NAMES:
        raise LogServerError(f"name a log server: {', '.join(NAMES)}")
    text = files("auditor.log_servers").joinpath(NAMES[name]).read_text("utf-8")
    return text if address is None else _addressed(text, address)


def _addressed(text: str, address: Address) -> str:
    """The same with another server and other names of the indices."""
    if address.url:
        scheme, _, rest = address.url.partition("://")
        host, _, port = rest.rpartition(":")
        for old, new in _spellings(scheme, host.strip("[]"), port):
            text = text.replace(old, new)
        text = text.replace(EXAMPLE.url, address.url)
    text = text.replace("--store elasticsearch ", f"--store {address} ")
    for kind in ("messages", "refused"):
        text = text.replace(f"{EXAMPLE.prefix}-{kind}", f"{address.prefix}-{kind}")
    return text


def _spellings(scheme: str, host: str, port: str) -> list[tuple[str, str]]:
    """How the parts of the example's address are written where a program wants them apart, and those instead."""
    secure = "on" if scheme == "https" else "off"
    return [
        # rsyslog
        ('server="search.example.test"', f'server="{host}"'),
        ('serverport="9200"', f'serverport="{port}"'),
        ('usehttps="on"', f'usehttps="{secure}"'),
        # Fluent Bit
        ("host: search.example.test", f"host: {host}"),
        ("port: 9200", f"port: {port}"),
        ("tls: on", f"tls: {secure}"),
    ]
