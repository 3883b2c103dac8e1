"""Audit records as events: who ran, changed and connected to what."""

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.audit.conversion import Converter
from recorder.audit.event import CATEGORIES
from recorder.audit.executions import MAX_ARGUMENTS
from recorder.audit.merging import MAX_WAITING
from recorder.audit.paths import MAX_KNOWN, MAX_SEARCHED, KnownFiles, absolute
from recorder.audit.record import MAX_LINE
from recorder.audit_service.open_files import open_file
from tests.auditing import called, executed, line, logs, mixed, names, path
from tests.fuzz import fuzz_audit, run

NOW = 1_700_000_000.0


def converted(*lines, engine="own", **options):
    converter = Converter(engine, **options)
    return converter.feed("".join(lines).encode()) + converter.finish()


def opened(serial, number=257, *, flags=0, time=NOW, name=b"file", **syscall):
    return [
        called(serial, number, args=[0xFFFFFF9C, 1, flags], items=1, time=time, **syscall),
        line("CWD", serial, 'cwd="/srv"', time),
        path(serial, 0, name, "NORMAL", time),
        line("PROCTITLE", serial, 'proctitle="x"', time),
    ]


def test_an_event_says_whose_it_is():
    (event,) = converted(*executed(7, [b"x"], auid=1000, ses=3, pid=42))
    assert (event.time, event.serial, event.auid, event.session, event.pid) == (NOW, 7, 1000, 3, 42)
    (event,) = converted(*executed(7, [b"x"], auid=4294967295, ses=4294967295))
    assert (event.auid, event.session) == (None, None)


def test_users_have_names_where_somebody_knows_them():
    (event,) = converted(*executed(1, [b"x"], uid=1000, euid=0), names={0: "root"}.get)
    assert event.fields["process"]["user"] == {"id": "0", "name": "root"}
    assert event.fields["process"]["real_user"] == {"id": "1000"}


def test_equal_actions_within_a_short_time_are_one():
    lines = [each for serial in range(1, 6) for each in opened(serial, time=NOW + serial / 100)]
    lines += [*opened(6, flags=1, time=NOW + 0.1), *opened(7, pid=11, time=NOW + 0.1), *opened(8, time=NOW + 3)]
    events = converted(*lines)
    assert [event.fields["sessrec"].get("repeated", 1) for event in events] == [5, 1, 1, 1]
    assert [event.serial for event in events] == [1, 6, 7, 8]


def test_programs_that_run_again_are_events_again():
    lines = [each for serial in range(1, 4) for each in executed(serial, [b"x"])]
    assert len(converted(*lines)) == 3


def test_what_waits_for_a_repetition_is_given_out_in_time():
    converter = Converter("own")
    assert converter.feed("".join(opened(1)).encode()) == []
    assert converter.expire(NOW + 0.4) == []
    assert [event.action for event in converter.expire(NOW + 0.6)] == ["file-read"]


def test_what_waits_for_a_repetition_is_bounded():
    converter = Converter("own")
    lines = [each for serial in range(1, 2 * MAX_WAITING + 1) for each in opened(serial, name=b"f%d" % serial)]
    assert len(converter.feed("".join(lines).encode())) == MAX_WAITING


def test_lines_that_are_no_records_are_counted():
    converter = Converter("own")
    converter.feed(b"nonsense\n\n" + "".join(executed(1, [b"x"])).encode() + b"\xff\xfe\ntype=SYSCALL msg=")
    converter.finish()
    assert converter.bad == 3


def test_a_line_that_does_not_end_takes_no_memory():
    converter = Converter("own")
    for _ in range(200):
        assert converter.feed(b"x" * MAX_LINE) == []
        assert len(converter._rest) <= MAX_LINE
    events = converter.feed(b"x\n" + "".join(executed(1, [b"x"])).encode())
    assert (len(events), converter.bad) == (1, 1)


def test_arguments_have_a_bound():
    (event,) = converted(*executed(1, [b"x", *[b"a" * 5000] * 12]))
    args = event.fields["process"]["args"]
    assert sum(map(len, args)) <= MAX_ARGUMENTS + 1
    assert args[-1].endswith("…")
    assert event.fields["process"]["args_count"] == 13
    assert event.fields["sessrec"]["truncated"] is True


def test_a_count_of_arguments_that_lies_costs_nothing():
    began = time.process_time()
    lines = executed(1, [b"x"])
    (event,) = converted(*[each.replace("argc=1", "argc=" + "9" * 18) for each in lines])
    assert event.fields["process"]["args"] == ["x"]
    assert event.fields["sessrec"]["truncated"] is True
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("paths", "args", "script"),
    [
        ([b"./s", b"/bin/sh", b"/lib/ld.so.2"], [b"/bin/sh", b"./s"], ("/srv/s", "/bin/sh")),
        ([b"./s", b"/bin/sh"], [b"/bin/sh", b"-e", b"./s", b"x"], ("/srv/s", "/bin/sh")),
        ([b"./s", b"/bin/sh"], [b"/bin/sh", b"-e", b"x", b"./s"], None),
        ([b"/bin/cat", b"/lib64/ld-linux-x86-64.so.2"], [b"cat", b"/bin/cat"], None),
        ([b"/bin/x", b"/lib64/ld-linux-x86-64.so.2"], [b"/lib64/ld-linux-x86-64.so.2", b"/bin/x"], None),
        ([b"/bin/x", b"/lib/ld-musl-x86_64.so.1"], [b"/lib/ld-musl-x86_64.so.1", b"/bin/x"], None),
    ],
)  # fmt: skip
def test_a_script_is_told_from_its_arguments(paths, args, script):
    syscall, execve, *_ = executed(1, args)
    lines = [syscall.replace("items=1", f"items={len(paths)}"), execve, line("CWD", 1, 'cwd="/srv"')]
    lines += [path(1, item, name, "NORMAL") for item, name in enumerate(paths)]
    (event,) = converted(*lines, line("PROCTITLE", 1, 'proctitle="x"'))
    told = event.fields.get("sessrec", {})
    assert (told.get("script"), told.get("interpreter")) == (script or (None, None))


@pytest.mark.parametrize(
    ("number", "flags", "kind", "action"),
    [
        (257, 0, "NORMAL", "file-read"), (257, 1, "NORMAL", "file-write"), (257, 2, "NORMAL", "file-write"),
        (257, 0o1000, "NORMAL", "file-write"), (257, 0o101, "CREATE", "file-create"),
        (257, 0o101, "NORMAL", "file-write"), (85, 0, "NORMAL", "file-write"),
        (87, 0, "DELETE", "file-delete"), (76, 0, "NORMAL", "file-write"),
        (188, 0, "NORMAL", "file-attributes"), (191, 0, "NORMAL", "file-read"), (161, 0, "NORMAL", None),
    ],
)  # fmt: skip
def test_what_was_done_to_a_file_is_told_by_the_call(number, flags, kind, action):
    lines = opened(1, number, flags=flags)
    lines[2] = path(1, 0, b"file", kind)
    events = converted(*lines)
    assert [event.action for event in events] == ([action] if action else [])
    assert all(event.fields["file"]["path"] == "/srv/file" for event in events)


def test_a_name_in_an_open_directory_that_nobody_knows_stays_as_it_is():
    lines = opened(1, 257, flags=0)
    lines[0] = lines[0].replace("a0=ffffff9c", "a0=4")
    (event,) = converted(*lines)
    assert event.fields["file"]["path"] == "file"


def test_a_running_process_tells_which_directory_it_has_open():
    lines = [
        called(1, 263, args=[4, 1, 0], items=2),
        line("CWD", 1, 'cwd="/srv"'),
        path(1, 0, b"/srv", "PARENT", inode=77, mode="040755"),
        path(1, 1, b"inner", "DELETE"),
        line("PROCTITLE", 1, 'proctitle="x"'),
    ]
    asked = []

    def locate(*what):
        asked.append(what)
        return "/srv/open"

    (event,) = converted(*lines, locate=locate)
    assert event.fields["file"]["path"] == "/srv/open/inner"
    assert (10, 4, "fe:00", "77") in asked


def test_what_a_process_has_open_is_found_while_it_has(tmp_path):
    opened_directory = os.open(tmp_path, os.O_RDONLY)
    found = os.fstat(opened_directory)
    device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}"
    this = os.getpid(), opened_directory, device, str(found.st_ino)
    assert open_file(*this) == str(tmp_path)
    assert open_file(*this[:3], "1") == open_file(*this[:2], "00:00", this[3]) == ""
    tmp_path.rmdir()
    assert open_file(*this) == ""
    os.close(opened_directory)
    assert open_file(*this) == ""
    assert open_file(2**63, -1, "", "") == open_file(1, 10**30, "", "") == ""


def test_a_renamed_directory_takes_what_is_below_with_it():
    def renamed(serial):
        return [
            called(serial, 82, items=2),
            line("CWD", serial, 'cwd="/srv"'),
            path(serial, 0, b"old", "DELETE", inode=77, mode="040755"),
            path(serial, 1, b"new", "CREATE", inode=77, mode="040755"),
            line("PROCTITLE", serial, 'proctitle="x"'),
        ]

    def made(serial, name, directory):
        return [
            called(serial, 258, args=[directory], items=2),
            line("CWD", serial, 'cwd="/srv"'),
            path(serial, 0, b"/srv", "PARENT", inode=78, mode="040755"),
            path(serial, 1, name, "CREATE", inode=serial, mode="040755"),
            line("PROCTITLE", serial, 'proctitle="x"'),
        ]

    below = [*opened(78, 83, name=b"old/below")]
    below[2] = path(78, 0, b"old/below", "CREATE", inode=78, mode="040755")
    known, unknown = made(79, b"a", 4), made(81, b"b", 4)
    events = converted(*below, *known, *renamed(80), *unknown)
    assert [event.fields["file"]["path"] for event in events] == [
        "/srv/old/below",
        "/srv/old/below/a",
        "/srv/new",
        "b",
    ]


def test_where_much_is_known_a_renamed_directory_is_not_searched_for():
    known = KnownFiles()
    for inode in range(MAX_SEARCHED + 2):
        known.learn({"dev": "fe:00", "inode": str(inode + 1)}, f"/srv/{inode}")
    assert known.find({"dev": "fe:00", "inode": "7"}, 1, "") == "/srv/6"
    known.moved({"dev": "fe:00", "inode": "1", "mode": "040755"}, "/srv/0")
    assert known.find({"dev": "fe:00", "inode": "7"}, 1, "") == ""
    for inode in range(2 * MAX_KNOWN):
        known.learn({"dev": "fe:00", "inode": str(inode)}, f"/srv/{inode}")
    assert len(known._known) == MAX_KNOWN


def test_each_name_of_a_rename_is_in_its_own_directory():
    files = [
        path(1, 0, b"/srv", "PARENT", inode=71, mode="040755"),
        path(1, 1, b"/srv", "PARENT", inode=72, mode="040755"),
        path(1, 2, b"old", "DELETE"),
        path(1, 3, b"new", "CREATE"),
    ]
    for order in (files, files[::-1]):
        lines = [called(1, 264, args=[4, 1, 5, 1], items=4), line("CWD", 1, 'cwd="/srv"'), *order]
        (event,) = converted(
            *lines,
            line("PROCTITLE", 1, 'proctitle="x"'),
            locate=lambda pid, descriptor, device, inode: {(4, "71"): "/from", (5, "72"): "/to"}.get(
                (descriptor, inode), ""
            ),
        )
        assert event.fields["sessrec"]["old_path"] == "/from/old"
        assert event.fields["file"]["path"] == "/to/new"


@pytest.mark.parametrize("descriptor", ["ffffff9c", "ffffffffffffff9c"])
def test_the_working_directory_is_known_by_both_its_numbers(descriptor):
    lines = opened(1)
    lines[0] = lines[0].replace("a0=ffffff9c", f"a0={descriptor}")
    (event,) = converted(*lines)
    assert event.fields["file"]["path"] == "/srv/file"


def test_the_files_of_a_program_may_come_in_any_order():
    syscall, execve, *_ = executed(1, [b"/bin/sh", b"./s"])
    files = [path(1, 1, b"/bin/sh", "NORMAL"), path(1, 0, b"./s", "NORMAL")]
    lines = [syscall.replace("items=1", "items=2"), execve, line("CWD", 1, 'cwd="/srv"'), *files]
    (event,) = converted(*lines, line("PROCTITLE", 1, 'proctitle="x"'))
    assert event.fields["sessrec"]["script"] == "/srv/s"


def test_two_processes_that_look_for_a_program_are_two_events():
    lines = []
    for serial, pid in ((1, 10), (2, 10), (3, 11)):
        failed = opened(
            serial, 59, name=b"/bin/prog" if serial != 2 else b"/usr/bin/prog", pid=pid, success=False, exit=-2
        )
        lines += failed
    told = [(event.pid, event.fields["sessrec"].get("repeated")) for event in converted(*lines)]
    assert told == [(10, 2), (11, None)]


def test_local_sockets_are_no_network():
    lines = [called(1, 42), line("SOCKADDR", 1, "saddr=01002F72756E"), line("PROCTITLE", 1, 'proctitle="x"')]
    assert converted(*lines) == []


def test_an_address_within_another_is_the_inner_one():
    saddr = "0A000050" + "00000000" + "00000000000000000000FFFFC0000207" + "00000000"
    lines = [called(1, 42), line("SOCKADDR", 1, f"saddr={saddr}"), line("PROCTITLE", 1, 'proctitle="x"')]
    (event,) = converted(*lines)
    assert event.fields["destination"] == {"ip": "192.0.2.7", "port": 80}
    assert event.fields["network"] == {"type": "ipv4"}


@pytest.mark.parametrize(
    ("name", "directory", "told"),
    [
        ("a", "/srv", "/srv/a"), ("./a/../b", "/srv", "/srv/b"), ("/x//y/", "/srv", "/x/y"), ("../a", "/", "/a"),
        ("//a", "", "/a"), ("a", "", "a"), ("/", "", "/"), (".hidden", "/srv", "/srv/.hidden"), (".", "/srv", "/srv"),
    ],
)  # fmt: skip
def test_paths_are_absolute_and_normal(name, directory, told):
    assert absolute(name, directory) == told


@given(st.lists(st.one_of(names, st.just(b"")), min_size=1, max_size=8), st.sampled_from([None, 1, 2, 5, 100]))
def test_prop_arguments_come_back_as_they_were_given(args, limit):
    (event,) = converted(*executed(1, args, limit=limit))
    assert event.fields["process"]["args"] == [arg.decode(errors="backslashreplace") for arg in args]
    assert event.fields["process"]["args_count"] == len(args)
    assert "truncated" not in event.fields.get("sessrec", {})


@given(names, st.binary(max_size=20).filter(lambda data: b"\0" not in data))
def test_prop_paths_of_files_come_back(name, directory):
    lines = opened(1, name=name)
    lines[1] = f"{lines[1].partition('cwd=')[0]}cwd={(b'/' + directory).hex()}\n"
    (event,) = converted(*lines)
    joined = name if name.startswith(b"/") else b"/" + directory + b"/" + name
    normal = b"/" + os.path.normpath(joined).lstrip(b"/")
    assert event.fields["file"]["path"] == normal.decode(errors="backslashreplace")


@given(logs().flatmap(lambda events: st.tuples(st.just(events), mixed(events))), st.integers(1, 400))
def test_prop_pieces_and_order_make_no_difference(drawn, size):
    events, lines = drawn
    data = "".join(lines).encode()
    converter = Converter("own")
    found = [event for start in range(0, len(data), size) for event in converter.feed(data[start : start + size])]
    found += converter.finish()
    whole = converted(*[each for event in events for each in event])
    assert sorted(found, key=serial) == sorted(whole, key=serial)
    assert converter.bad == converter.incomplete == 0
    for event in found:
        assert event.action in CATEGORIES
        json.dumps(event.fields, allow_nan=False).encode()


def serial(event):
    return event.serial


@given(st.binary(max_size=400))
def test_prop_no_bytes_break_it(data):
    converter = Converter("own")
    for event in converter.feed(data) + converter.finish():
        json.dumps(event.fields)


SAMPLES = sorted(Path(__file__).with_name("samples").joinpath("audit").glob("*.log"))


@given(st.data())
def test_prop_damaged_records_break_nothing(data):
    text = data.draw(st.sampled_from(SAMPLES)).read_bytes()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.binary(max_size=6)) + text[at + data.draw(st.integers(0, 30)) :]
    converter = Converter("own")
    for event in converter.feed(text) + converter.finish():
        assert len(json.dumps(event.fields)) < 100_000


def test_the_fuzz_target_finds_nothing_at_first_glance():
    assert run(fuzz_audit.target, fuzz_audit.SEEDS, runs=1000) > 10
