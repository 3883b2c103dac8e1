"""Lines of an audit log and messages of the kernel as records."""

import errno
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.audit.record import TYPES, from_netlink, parse, parse_lines
from recorder.audit.syscalls import NO, NUMBERS, syscall
from recorder.audit.values import Clock, error, login, number, text, title
from tests.auditing import untrusted
from tests.peers import needs

HEADER = Path("/usr/include/linux/audit.h")
LINE = 'type=SYSCALL msg=audit(1700000000.123:4711): arch=c000003e syscall=59 comm="cat" key=(null)'


def test_a_line_is_a_record_with_its_fields():
    record = parse(LINE)
    assert (record.type, record.time, record.serial) == ("SYSCALL", 1700000000.123, 4711)
    assert record.fields == {"arch": "c000003e", "syscall": "59", "comm": '"cat"', "key": "(null)"}
    assert parse(LINE.encode() + b"\n").fields == record.fields
    assert parse(f"node=web1 {LINE}").node == "web1"
    assert parse(f"node=web1 {LINE}").line() == f"node=web1 {LINE}"


def test_what_auditd_has_looked_up_is_no_field_of_the_kernel_s():
    assert parse(f'{LINE}\x1dARCH=x86_64 SYSCALL=execve AUID="alice"').fields == parse(LINE).fields


@pytest.mark.parametrize(
    "line",
    [
        "", "\n", "type=SYSCALL", "type=SYSCALL msg=audit(1.1:1): x=y", "type=A msg=audit(1700000000.123:1)",
        "type=A msg=audit(1700000000.123:x): y", f" {LINE}", f"{LINE}\n{LINE}", "x" * 99, LINE.replace("arch", "a\0"),
        "type=A msg=audit(999999999999.123:1): y", "msg=audit(1700000000.123:1): y",
    ],
)  # fmt: skip
def test_what_is_no_record_is_none(line):
    assert parse(line) is None


def test_lines_are_records_or_counted():
    records, bad = parse_lines(
        f"{LINE}\n\n{LINE}\0\ntype=CONFIG_CHANGE msg=audit(1700000000.123:1): x\nnonsense\n{LINE}\r\n"
    )
    assert [record.fields["key"] for record in records] == ["(null)", "(null)"]
    assert bad == 2


def test_what_a_program_says_cannot_replace_what_the_kernel_knows():
    body = "pid=7 uid=1000 auid=1000 ses=3 msg='op=x auid=0 pid=1 acct=\"two words\" res=success'"
    record = parse(f"type=USER_CMD msg=audit(1700000000.123:1): {body}")
    assert (record.fields["auid"], record.fields["pid"]) == ("1000", "7")
    assert record.fields["acct"] == '"two words"'
    assert record.fields["res"] == "success"


def test_a_message_of_the_kernel_is_a_record_and_cannot_be_two():
    record = from_netlink(
        1123, b"audit(1700000000.123:9): pid=7 msg='a=b\ntype=SYSCALL msg=audit(1700000000.123:1): '\0"
    )
    assert (record.type, record.serial, record.fields["pid"]) == ("USER_CMD", 9, "7")
    assert "\n" not in record.line()
    assert from_netlink(1300, b"nonsense") is None
    assert from_netlink(1305, b"audit(1700000000.123:9): op=set") is None


@pytest.mark.skipif(not HEADER.exists(), reason="the kernel's headers are not installed")
def test_types_have_the_kernel_s_numbers():
    known = dict(re.findall(r"^#define AUDIT_(\w+)\s+(\d{4})\b", HEADER.read_text(), re.MULTILINE))
    ours = {name: str(number_of) for number_of, name in TYPES.items() if name in known}
    assert len(ours) > 8
    assert ours == {name: known[name] for name in ours}


@needs("ausyscall")
@pytest.mark.parametrize(("column", "machine"), list(enumerate(["x86_64", "i386", "aarch64", "arm"])))
def test_system_calls_have_the_numbers_that_the_audit_tools_know(column, machine):
    dump = subprocess.run(["ausyscall", machine, "--dump"], capture_output=True, text=True, check=True).stdout
    known = {name: int(number_of) for number_of, name in re.findall(r"^(\d+)\s+(\w+)$", dump, re.MULTILINE)}
    newer = {name for name, numbers in NUMBERS.items() if min(numbers) > 451}
    ours = {name: numbers[column] for name, numbers in NUMBERS.items() if name not in newer or name in known}
    assert ours == {name: known.get(name, NO) for name in ours}


def test_calls_of_32_bit_programs_and_of_x32_are_known():
    assert syscall("40000003", "11") == "execve"
    assert syscall("c000003e", str(0x40000000 + 520)) == "execve"
    assert syscall("c000003e", str(0x40000000 + 257)) == "openat"
    assert syscall("c000003e", "9" * 5000) == syscall("x", "y") == ""


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ('"plain"', "plain"), ("74776F20776F726473", "two words"), ("(null)", ""), ("(none)", ""), ("?", ""),
        ("636166E9", "caf\\xe9"), ("E697A5", "日"), ("xyz", "xyz"),
        ('"open', "open"), ("", ""), ('""', ""), ("616", "616"),
    ],
)  # fmt: skip
def test_text_is_unquoted_or_decoded(value, told):
    assert text(value) == told


def test_other_values_are_read():
    assert title("636174002F6574632F6D6F7464") == ["cat", "/etc/motd"]
    assert (number("12"), number("ff", 16), number("x"), number("9" * 5000)) == (12, 255, 0, 0)
    assert (login("4294967295"), login("-1"), login(""), login("1000"), login("0")) == (None, None, None, 1000, 0)
    assert (error("-13"), error("-115"), error("-512"), error("-9999")) == (
        "EACCES",
        "EINPROGRESS",
        "ERESTARTSYS",
        "9999",
    )
    assert all(error(str(-code)) == name for code, name in errno.errorcode.items())
    clock = Clock()
    assert clock.iso("1700000000.123:1") == "2023-11-14T22:13:20.123Z"
    assert clock.iso("1700000000.124:2") == "2023-11-14T22:13:20.124Z"


@given(st.binary(max_size=64))
def test_prop_what_the_kernel_does_not_trust_comes_back(data):
    told = text(untrusted(data))
    if data not in (b"(null)",):
        assert told == data.decode(errors="backslashreplace")


@given(st.text(max_size=80))
def test_prop_any_line_is_a_record_or_none(line):
    record = parse(f"type=PATH msg=audit(1700000000.123:1): {line}")
    assert record is None or isinstance(record.fields, dict)
    parse(line)
