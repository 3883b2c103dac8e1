"""What the player of the page is given: parts of a recording that look as the whole does, whatever was recorded."""

import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.player.colour_screen import ColourScreen
from auditor.recordings.store import Facts
from auditor.recordings.store_name import store_name
from auditor.screen.cells import FILL
from auditor.web.access.scope import Scope
from auditor.web.access.viewer import Right, Viewer
from auditor.web.watching import reel as reel_module
from recorder.formats.message import Input, Output, Resize
from tests.recordings import ingested, name_of, new_store, write_objects, write_recording
from tests.sealing import line_of, messages
from tests.test_screen_oracle import COLOUR, MOVE, NARROW, WIDE, WORD, sequences
from tests.web.sites import client_of, site_of


class Page:
    """Fetches as the page does, and shows it on a screen of its own."""

    def __init__(self, client, rec):
        self.client, self.rec = client, rec

    def get(self, what, **parameters):
        answer = self.client.get(f"/api/recordings/{self.rec}{what}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def segment(self, t):
        return self.get("/segments", t=t)

    def screen_at(self, t):
        return shown(self.segment(t), t)

    def whole(self):
        """Every segment from the beginning, one behind the other."""
        segment = self.segment(0)
        yield segment
        while not segment["final"]:
            segment = self.get(f"/segments/{segment['last']}")
            yield segment


def shown(segment, until=float("inf"), screen=None):
    if screen is None:
        screen = ColourScreen(segment["snapshot"]["cols"], segment["snapshot"]["rows"])
        screen.feed(segment["snapshot"]["init"])
    for at, code, data in segment["events"]:
        if at > until:
            break
        if code == "o":
            screen.feed(data)
        elif code == "r":
            screen.resize(*map(int, data.split("x")))
    return screen


def picture(screen):
    """As a person sees it."""
    rows = [screen.clusters.text(row.replace(FILL, " ")) for row in screen.rows]
    return rows, [pens.rstrip("\0") for pens in screen.pens], screen.cursor


def whole_screen(packets, until=float("inf"), size=(80, 24)):
    """The project's own screen, given all of it in one go, is the judge."""
    screen = ColourScreen(*size)
    for packet in packets:
        if packet.at > until:
            break
        if isinstance(packet, Output):
            screen.feed(packet.data.decode(errors="replace"))
        elif isinstance(packet, Resize):
            screen.resize(packet.columns, packet.rows)
    return screen


@pytest.fixture
def page_of(tmp_path):
    """Of a recording with this content, watched by a viewer."""

    def make(content=(), viewer=None, lines=None, **header):
        store = new_store(tmp_path)
        if lines is None:
            write_recording(tmp_path / "r.jsonl", content, rec="r1", **header)
        else:
            write_objects(tmp_path / "r.jsonl", lines)
        ingested(store, tmp_path / "r.jsonl")
        site = site_of(name_of(store))
        made = client_of(site, viewer) if viewer else client_of(site)
        return Page(made, "r1")

    return make


TEXT = sequences(WORD, NARROW, WIDE, MOVE, COLOUR, st.sampled_from(["\x1b[2J", "\x1b[5"]))
FULL_SCREEN = sequences(WORD, MOVE, st.sampled_from(["\x1b[?1049h", "\x1b[?1049l", "\x1b[2;4r"]))
NEW_SIZE = st.tuples(st.integers(2, 90), st.integers(2, 30))


def content_of(*parts):
    return st.lists(st.tuples(st.integers(0, 4000), st.one_of(*parts)), min_size=1, max_size=25)


# How the main screen was wrapped before its size changed below a full-screen program is not restored.
CONTENT = st.one_of(content_of(TEXT, NEW_SIZE), content_of(TEXT, FULL_SCREEN))


def packets_of(content):
    made, at = [], 0
    for wait, what in content:
        at += wait
        made.append(Resize(at, *what) if isinstance(what, tuple) else Output(at, what.encode()))
    return [packet for packet in made if isinstance(packet, Resize) or packet.data]


class Held:
    """Lines at hand, a few at a time, as a store gives them."""

    def __init__(self, lines):
        self.held = [line.rstrip(b"\n") for line in lines]

    def lines(self, rec, after=0):
        for first in range(after, len(self.held), 3):
            yield self.held[first : first + 3]

    def line(self, rec, id):
        return self.held[id - 1] if 0 < id <= len(self.held) else None

    def facts(self):
        last = json.loads(self.held[-1])
        return Facts("r1", "h", "u", "xterm", 1, 0.0, length=last["pos"], next_id=last["id"] + 1)


def as_object(segment):
    columns, rows = segment.begin.size
    snapshot = {"cols": columns, "rows": rows, "init": segment.begin.init}
    return {"snapshot": snapshot, "events": [(piece.at, piece.code, piece.data) for piece in segment.pieces]}


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=80)
@given(content=CONTENT, size=st.integers(200, 2000))
def test_prop_segments_show_what_the_whole_recording_shows(content, size):
    packets = packets_of(content)
    held = Held(map(line_of, messages(packets, rec="r1")))
    facts = held.facts()
    limits = {"SEGMENT_BYTES": size, "FRAME_BYTES": 2 * size}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in limits.items():
            patch.setattr(reel_module, name, value)
        reel = reel_module.Reel(facts)
        segment = reel.behind_message(held, facts, 0)
        screen = shown(as_object(segment))
        times = [piece.at for piece in segment.pieces]
        while not segment.final:
            segment = reel.behind_message(held, facts, segment.last)
            assert picture(shown({**as_object(segment), "events": []})) == picture(screen)
            shown(as_object(segment), screen=screen)
            times += [piece.at for piece in segment.pieces]
        assert times == sorted(times)
        assert picture(screen) == picture(whole_screen(packets))
        for packet in packets[:: max(1, len(packets) // 4)]:
            there = picture(whole_screen(packets, packet.at))
            assert picture(shown(as_object(reel.at(held, facts, packet.at)), packet.at)) == there
            frame = reel.screen_at(held, facts, packet.at)
            assert picture(frame.screen) == there


def long_recording(lines=3000, width=70):
    """Numbered lines, one a second."""
    return [Output(number * 1000, f"line {number} {'x' * width}\r\n".encode()) for number in range(1, lines)]


def test_the_middle_of_a_long_recording_is_shown_before_all_of_it_was_read(page_of, monkeypatch):
    page = page_of(long_recording())
    # As on a machine that reads slowly: nothing in the time that somebody waits.
    monkeypatch.setattr(reel_module, "PATIENCE", -1.0)
    segment = page.segment(1500)
    assert not segment["exact"]
    screen = shown(segment, 1500)
    assert "line 1500 " in "\n".join(screen.lines())
    following = page.get(f"/segments/{segment['last']}")
    assert (following["after"], following["exact"]) == (segment["last"], False)
    reel = next(iter(page.client.app.state.reels._reels.values()))
    with page.client.app.state.site.stores.borrow() as store:
        assert reel.advance(store, 60)
    assert page.segment(1500)["exact"]
    assert page.get("/timeline")["complete"]


def test_either_store_gives_the_same_pieces(store, tmp_path):
    content = long_recording(1500, 400)
    write_recording(tmp_path / "r.jsonl", content, rec="r1")
    ingested(store, tmp_path / "r.jsonl")
    page = Page(client_of(site_of(store_name(str(name_of(store))))), "r1")
    screen = None
    for segment in page.whole():
        screen = shown(segment, screen=screen)
    assert picture(screen) == picture(whole_screen(content))
    assert "line 700 " in "\n".join(page.screen_at(700).lines())
    assert page.get("/events", t=3)["total"] == 2


def test_a_character_that_two_messages_share_is_shown_whole(page_of):
    page = page_of([Output(1000, "ü".encode()[:1]), Output(2000, "ü".encode()[1:])])
    assert page.screen_at(2).lines()[0] == "ü"


def test_other_character_sets_are_shown_as_the_session_had_them(page_of):
    page = page_of([Output(1000, "ü€".encode("iso-8859-15"))], charset="ISO-8859-15")
    assert page.screen_at(1).lines()[0] == "ü€"


def test_what_was_typed_is_shown_to_those_who_may_only(page_of):
    content = [Output(1000, b"$ "), Input(2000, b"secret"), Output(2000, b"ls\r\n")]
    page = page_of(content)
    assert "secret" not in json.dumps(page.segment(0))
    assert ["i", "secret"] in [event[1:] for event in page.get("/segments", t=0, input=1)["events"]]
    blind = Viewer("blind", Scope.of(), frozenset({Right.WATCH}))
    page = Page(client_of(page.client.app.state.site, blind), "r1")
    assert "secret" not in json.dumps(page.get("/segments", t=0, input=1))


def test_a_recording_of_others_is_not_there(page_of):
    page = page_of([Output(1000, b"x")])
    stranger = client_of(page.client.app.state.site, Viewer("bob", Scope.own("bob"), frozenset(Right)))
    for path in ("", "/segments?t=0", "/segments/0", "/events", "/tree", "/preview?t=0", "/hits?q=x", "/timeline",
                 "/events/near?t=0", "/live?after=0"):  # fmt: skip
        answers = [stranger.get(f"/api/recordings/{rec}{path}") for rec in ("r1", "none")]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].text == answers[1].text
    assert stranger.get("/watch/r1").status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/segments", "/segments?t=-1", "/segments?t=nan", "/segments?t=inf", "/segments?t=1e999", "/segments?t=x",
     "/preview?t=%00", "/events?kind=nothing", "/events?limit=501", "/events?offset=-1", "/events?limit=1e3",
     "/events?t=x", "/hits?q=", "/hits?q=%22", "/timeline?buckets=99999999999999999999",
     "/events/near?t=0&kind=x", "/live?after=x"],
)  # fmt: skip
def test_what_cannot_be_understood_is_told_in_one_line(page_of, path):
    page = page_of([Output(1000, b"x")])
    answer = page.client.get(f"/api/recordings/r1{path}")
    assert answer.status_code == 400
    assert "\n" not in answer.json()["error"]


@pytest.mark.parametrize("path", ["/segments/-1", "/segments/x", "/segments/1.5", "/nothing"])
def test_what_is_not_there_is_not_found(page_of, path):
    page = page_of([Output(1000, b"x")])
    assert page.client.get(f"/api/recordings/r1{path}").status_code == 404
    assert page.client.get("/api/recordings/..%2f..%2fetc%2fpasswd/segments?t=0").status_code == 404


def audited(actions):
    """A recording with these events, (ms, action, fields), beside one line printed each second."""
    lines = messages([f"{number}\r\n" for number in range(5)], rec="r1")
    head = {name: lines[0][name] for name in ("ver", "host", "rec", "user", "term", "session")}
    empty = {"timing": "", "in_txt": "", "in_bin": [], "out_txt": "", "out_bin": []}
    end = lines.pop()
    for at, action, fields in actions:
        lines.append(
            head | empty | {"id": 0, "pos": at, "time": lines[0]["time"], "event": {"action": action}} | fields
        )
    lines.append(end)
    lines.sort(key=lambda line: line["pos"])
    last = 0
    for number, line in enumerate(lines, 1):
        last = max(last, line["pos"])
        line |= {"id": number, "pos": last, "time": round(lines[0]["time"] + last / 1000, 3)}
    return lines


def run(program, pid=10, parent=1):
    return {"process": {"executable": program, "args": [program], "pid": pid, "parent": {"pid": parent}}}


def test_the_log_is_read_a_part_at_a_time_and_by_kind(page_of):
    actions = [(number * 10, "exec", run(f"/bin/p{number}", number + 10)) for number in range(300)]
    actions += [(1500, "file-write", {"file": {"path": "/etc/x"}}), (2500, "connect", {"destination": {"ip": "::1"}})]
    page = page_of(lines=audited(actions))
    first = page.get("/events", kind="exec", limit=50)
    assert (first["total"], first["offset"], len(first["rows"]), first["complete"]) == (300, 0, 50, True)
    rows = list(
        itertools.chain(*(page.get("/events", kind="exec", limit=100, offset=n)["rows"] for n in (0, 100, 200)))
    )
    assert [row["text"] for row in rows] == [f"/bin/p{number}" for number in range(300)]
    assert [row["place"] for row in rows] == list(range(300))
    there = page.get("/events", kind="exec", limit=20, t=2)
    assert there["reached"] == 201
    assert there["rows"][0]["place"] == there["offset"] == 191
    (file,) = page.get("/events", kind="file")["rows"]
    assert (file["at"], file["kind"], file["text"]) == (1.5, "file", "write /etc/x")
    everything = page.get("/events", limit=500)["rows"]
    assert [row["at"] for row in everything] == sorted(row["at"] for row in everything)
    assert page.get("/events/near", kind="network", t=0) == {"t": 2.5}
    assert page.get("/events/near", kind="file,network", t=2.5, back=1) == {"t": 1.5}
    marks = page.get("/timeline", buckets=10)["marks"]
    assert sum(count for _, count in marks["exec"]) == 300
    assert len(marks["file"]) == 1


def test_the_tree_shows_what_started_what(page_of):
    page = page_of(lines=audited([(1000, "exec", run("/bin/sh", 10, 1)), (2000, "exec", run("/bin/ls", 11, 10))]))
    processes = page.get("/tree")["processes"]
    assert [(each["pid"], each["depth"], each["runs"][0]["text"]) for each in processes] == [
        (10, 0, "/bin/sh"), (11, 1, "/bin/ls")]  # fmt: skip


def test_a_hit_names_its_moment_and_what_to_mark(page_of):
    page = page_of([Output(1000, b"nothing\r\n"), Output(5000, b"an Error here\r\n"), Output(9000, b"later\r\n")])
    found = page.get("/hits", q="error user:nobody")
    assert [(hit["at"], hit["kind"]) for hit in found["hits"]] == [(5.0, "printed")]
    assert found["marked"] == ["error"]


def test_idle_stretches_are_told(page_of):
    page = page_of([Output(1000, b"a"), Output(61_000, b"b"), Output(62_000, b"c")])
    reel = page.segment(62)
    assert reel["final"]
    assert page.get("/timeline")["idle"] == [[1.0, 61.0]]


def test_hostile_sizes_and_unended_strings_do_no_harm(page_of):
    content = [Output(1000, b"seen\r\n\x1b]0;"), Output(2000, b"swallowed"), Output(9000, b"\r\nback again"),
               Resize(10_000, 65_535, 65_535), Output(10_500, b"z" * 1000)]  # fmt: skip
    page = page_of(content)
    segment = page.segment(0)
    assert "back again" in "\n".join(shown(segment, 9.5).lines())
    sizes = [data for _, code, data in segment["events"] if code == "r"]
    assert sizes == ["2048x512"]
    assert page.get("/preview", t=10.5)["rows"] == 512
