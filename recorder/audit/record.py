"""One audit record: a line as auditd writes it, or a message as the kernel sends it, and the fields in it.

    type=SYSCALL msg=audit(1700000000.123:4711): arch=c000003e syscall=59 success=yes ...

What a user has chosen (names of files, arguments) is quoted by the kernel, or written in hexadecimal where it holds a
space, a quote or a byte that cannot be printed (audit_log_untrustedstring in kernel/audit.c). So words of a record of
the kernel are parted by spaces, and none of them can pretend to be a field.
"""

import re
from collections.abc import Iterable

MAX_LINE = 1 << 16
"""Bytes. The kernel sends at most 8970 (MAX_AUDIT_MESSAGE_LENGTH), auditd adds names to them."""

EXECVE, SYSCALL, PATH, CWD, SOCKADDR, SOCKETCALL, OPENAT2, PROCTITLE, EOE = (
    "EXECVE", "SYSCALL", "PATH", "CWD", "SOCKADDR", "SOCKETCALL", "OPENAT2", "PROCTITLE", "EOE"
)  # fmt: skip
NETFILTER_PKT = "NETFILTER_PKT"

PARTS = {
    1300: SYSCALL, 1302: PATH, 1304: SOCKETCALL, 1306: SOCKADDR, 1307: CWD, 1309: EXECVE, 1320: EOE, 1327: PROCTITLE,
    1337: OPENAT2,
}  # fmt: skip
"""Records of which several make one event, by their numbers (include/uapi/linux/audit.h)."""
SINGLES = {
    1006: "LOGIN", 1100: "USER_AUTH", 1105: "USER_START", 1106: "USER_END", 1112: "USER_LOGIN", 1113: "USER_LOGOUT",
    1123: "USER_CMD", 1324: NETFILTER_PKT,
}  # fmt: skip
"""Records that are an event each."""
TYPES = {**PARTS, **SINGLES}
WANTED = frozenset(TYPES.values())
"""Records of other types say nothing that an event has a place for."""

ENRICHED = "\x1d"
"""Between what the kernel has said and the names that auditd has looked up (log_format = ENRICHED)."""

_HEAD = r"(?:node=(\S+) )?type=(\S+) msg=audit\((\d{1,11}\.\d{3}:\d{1,20})\): ?"
_LINE = re.compile(rf"^{_HEAD}(.*)$", re.MULTILINE)
_NETLINK = re.compile(r"audit\((\d{1,11}\.\d{3}:\d{1,20})\): ?(.*)", re.DOTALL)
_FIELD = re.compile(r"""([^\s='"]+)=("[^"]*"|[^\s']*)""")


class Record:
    """A record: its type, the event that it belongs to, and its text, whose fields are read when they are asked for.

    `stamp` is `seconds.milliseconds:serial`, `node` the host where the log names one.
    """

    __slots__ = ("_fields", "body", "node", "stamp", "type")

    def __init__(self, type: str, stamp: str, body: str, node: str = "") -> None:
        self.type = type
        self.stamp = stamp
        self.body = body
        self.node = node
        self._fields: dict[str, str] | None = None

    @property
    def time(self) -> float:
        """Seconds since 1970, in whole milliseconds."""
        return float(self.stamp.partition(":")[0])

    @property
    def serial(self) -> int:
        """The event's number since the kernel started."""
        return int(self.stamp.partition(":")[2])

    @property
    def fields(self) -> dict[str, str]:
        """The fields as they are written; `recorder.audit.values` reads what a user has chosen.

        Of SYSCALL and PATH those of which an event is made, where they stand as the kernel writes them: they are most
        of a log, and most of their fields are for others.
        """
        if self._fields is None:
            self._fields = _fields_of(self.body, self.type)
        return self._fields

    def value(self, name: str) -> str:
        """One field, "" where it is not there; where only one or two are wanted, the others are not read."""
        if self._fields is None and self.type in _PARTS:
            body = self.body
            if body.startswith(name) and body[len(name) : len(name) + 1] == "=":
                return body[len(name) + 1 :].partition(" ")[0]
            return body.partition(f" {name}=")[2].partition(" ")[0]
        return self.fields.get(name, "")

    def read_as(self, fields: dict[str, str]) -> None:
        """Somebody else has read the fields."""
        self._fields = fields

    def line(self) -> str:
        """As auditd would write it, without the line end."""
        node = f"node={self.node} " if self.node else ""
        return f"{node}type={self.type} msg=audit({self.stamp}): {self.body}"


def parse(line: bytes | str) -> Record | None:
    """The record in one line, with or without its end, of any type; None for what is none."""
    text = line if isinstance(line, str) else line.decode(errors="backslashreplace")
    match = _LINE.fullmatch(text.removesuffix("\n")) if "\0" not in text else None
    return Record(match[2], match[3], match[4].partition(ENRICHED)[0].rstrip("\r"), match[1] or "") if match else None


def parse_lines(text: str) -> tuple[list[Record], int]:
    """The records in whole lines, as far as an event is made of their type, and how many lines are no records."""
    found = _LINE.findall(text)
    if "\0" in text:
        found = [each for each in found if "\0" not in each[3]]
    if ENRICHED in text or "\r" in text:
        found = [(node, type, stamp, body.partition(ENRICHED)[0].rstrip("\r")) for node, type, stamp, body in found]
    bad = 0
    if len(found) <= text.count("\n"):
        bad = sum(1 for line in text.split("\n") if line) - len(found)
    return [Record(type, stamp, body, node) for node, type, stamp, body in found if type in WANTED], bad


def from_netlink(number: int, payload: bytes) -> Record | None:
    """The record in a message of the kernel: `number` is its nlmsg_type. None for types that nothing is made of."""
    type = TYPES.get(number)
    # The text of a user's program may have line ends; one message is one record.
    match = _NETLINK.match(payload.decode(errors="backslashreplace")) if type else None
    return Record(type, match[1], match[2].replace("\0", "").replace("\n", " ")) if type and match else None


_SINGLE = frozenset(SINGLES.values())
_PARTS = frozenset(PARTS.values())

SYSCALL_FIELDS = (
    "arch", "syscall", "success", "exit", "a0", "a1", "a2", "a3", "items",
    "ppid", "pid", "auid", "uid", "euid", "ses", "exe",
)  # fmt: skip
PATH_FIELDS = ("item", "name", "inode", "dev", "mode", "ouid", "ogid", "nametype")
_SKIPPED = {
    "uid": r" gid=\S+",
    "euid": r" suid=\S+ fsuid=\S+ egid=\S+ sgid=\S+ fsgid=\S+ tty=\S+",
    "ses": r" comm=\S+",
    "ogid": r" rdev=\S+(?: obj=\S+)?",
}
"""What stands behind a field and is not asked for (audit_log_exit and audit_log_name in kernel/auditsc.c)."""
_FORMS = {
    type: (names, re.compile(" ".join(rf"{name}=(\S+){_SKIPPED.get(name, '')}" for name in names) + r"(?: |$)"))
    for type, names in ((SYSCALL, SYSCALL_FIELDS), (PATH, PATH_FIELDS))
}


def _fields_of(body: str, type: str) -> dict[str, str]:
    if type in _FORMS:
        names, form = _FORMS[type]
        match = form.match(body)
        if match is not None:
            return dict(zip(names, match.groups(), strict=True))
    if type in _SINGLE:
        # What the kernel knows comes first, then the words of a program, which may say anything.
        fields: dict[str, str] = {}
        for name, value in _FIELD.findall(body.replace("msg='", " ", 1)):
            fields.setdefault(name, value)
        return fields
    words = body.split(" ")
    try:
        return dict([word.split("=", 1) for word in words])
    except ValueError:
        return dict(_pairs(words))


def _pairs(words: Iterable[str]) -> Iterable[tuple[str, str]]:
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name:
            yield name, value
