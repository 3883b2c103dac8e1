"""Which recording an event belongs to: never another user's or session's, and its own wherever that can be known."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.audit.event import AuditEvent
from recorder.audit_service.attribution import HOLD, Attribution, Background, Later
from recorder.audit_service.process_origins import SAME, ProcessOrigins, Seen
from recorder.audit_service.recordings import Recording, Recordings

UNSET = 2**32 - 1
ALICE, BOB = 1000, 1001
SSHD = 2
STEP = 0.1


@dataclass
class Process:
    """`session` is the recorded session that it truly belongs to, None outside of any."""

    pid: int
    parent: int
    begun: float
    login: tuple
    session: "Session | None" = None
    terminal: str = ""


@dataclass
class Session:
    rec: str
    login: tuple
    leader: Process
    root: Process
    recording: Recording | None = None


@dataclass
class World:
    """A machine whose processes fork, run programs, leave their terminals, end, and get numbers that were others'."""

    now: float = 1_000.0
    logins: int = 0
    processes: dict = field(default_factory=dict)
    free_at: dict = field(default_factory=dict)
    sessions: list = field(default_factory=list)
    told: list = field(default_factory=list)
    """(event, the session of its process, whether that has said that it is over)."""

    def __post_init__(self):
        self.recordings = Recordings("/nonexistent")
        self.origins = ProcessOrigins(self.look)
        self.attribution = Attribution(self.recordings, self.origins, lambda auid: True, self.processes_of)

    def look(self, pid):
        process = self.processes.get(pid)
        return process and Seen(int(process.begun * 100), process.begun, process.parent, process.login)

    def processes_of(self, login):
        return [process.pid for process in self.processes.values() if process.login == login]

    def begin(self, parent, login, session=None, terminal=""):
        # Numbers come again soon, but not within the seconds in which one is taken for the same process.
        pid = next(pid for pid in range(10, 10_000) if pid not in self.processes and self._is_free(pid))
        self.processes[pid] = Process(pid, parent, self.now, login, session, terminal)
        return self.processes[pid]

    def _is_free(self, pid):
        return self.now - self.free_at.get(pid, 0) > SAME + 1

    def ends(self, process):
        del self.processes[process.pid]
        self.free_at[process.pid] = self.now
        for other in self.processes.values():
            if other.parent == process.pid:
                other.parent = 1

    def log_in(self, auid):
        self.logins += 1
        return self.begin(SSHD, (auid, self.logins))

    def open(self, root, *, terminal=False):
        """A session within a login: sshd forks what becomes its shell, and runs the login shell first."""
        rec = f"rec{len(self.sessions)}"
        leader = self.begin(root.pid, root.login)
        session = Session(rec, root.login, leader, root)
        leader.session = session
        self.runs(leader)
        self.now += STEP
        name = f"pts{len(self.sessions)}" if terminal else ""
        leader.terminal = name
        recording = Recording(rec, root.login, name, leader.pid, root.pid, self.now)
        session.recording = recording
        self.sessions.append(session)
        self.recordings.add(recording)
        return session

    def close(self, session):
        """Its first process ends, and the worker says so."""
        self.ends(session.leader)
        self.now += STEP
        session.recording.ended = self.now
        self.attribution.ended(session.recording)

    def runs(self, process, action="exec"):
        fields = {
            "event": {"action": action},
            "process": {"pid": process.pid, "parent": {"pid": process.parent}},
        }
        terminal = process.terminal or "(none)"
        event = AuditEvent(self.now, len(self.told) + 1, *process.login, process.pid, fields, terminal)
        over = process.session is not None and process.session not in self.open_sessions(process)
        self.told.append((event, process.session, over))
        return event

    def open_sessions(self, process):
        """Those that have not ended, the one that is about to begin included."""
        recording = process.session.recording
        return [process.session] if recording is None or recording.ended is None else []

    def owner(self, event, *, final=False):
        try:
            return self.attribution.owner(event, self.now, final=final)
        except Later:
            return Later


def is_allowed(world, event, session, over, owner):
    """Its own recording, or the background of its login; of what no session did also a session of the login."""
    login = event.auid, event.session
    if isinstance(owner, Background):
        return owner.login == login and owner.after in ("", session.rec if session and over else "")
    if not isinstance(owner, Recording) or owner.login != login:
        return False
    if session is None:
        return True
    return owner.rec == session.rec and not over


steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["login", "open", "fork", "exec", "short", "detach", "end", "close", "wait", "judge", "judge"]
        ),
        st.integers(0, 63),
        st.booleans(),
    ),
    max_size=60,
)


def happened(world, what, number, flag):
    """One step; True where events are looked at now."""
    world.now += STEP
    inside = sorted((one for one in world.processes.values() if one.session), key=lambda one: one.pid)
    roots = sorted((one for one in world.processes.values() if one.parent == SSHD), key=lambda one: one.pid)
    going_on = [one for one in world.sessions if one.recording.ended is None]
    if what == "login" and len(roots) < 3:
        world.log_in(ALICE if flag else BOB)
    elif what == "open" and roots:
        world.open(roots[number % len(roots)], terminal=flag)
    elif what == "wait":
        world.now += number / 8
    elif what == "close" and going_on:
        world.close(going_on[number % len(going_on)])
    elif what in ("fork", "exec", "short", "detach", "end") and inside:
        process = inside[number % len(inside)]
        if what == "short":
            # A subshell that nobody sees, and what it runs, both gone before anybody looks.
            between = world.begin(process.pid, process.login, process.session, process.terminal)
            child = world.begin(between.pid, process.login, process.session, "" if flag else process.terminal)
            world.runs(child)
            world.ends(between)
            world.ends(child)
        if what == "fork":
            child = world.begin(process.pid, process.login, process.session, process.terminal)
            if flag:
                world.runs(child)
        elif what == "exec":
            world.runs(process)
        elif what == "detach":
            process.terminal = ""
        elif process is not process.session.leader:
            world.ends(process)
    return what == "judge"


@given(steps)
def test_prop_no_event_comes_to_a_recording_of_another_session(steps):
    world = World()
    connection = world.log_in(ALICE)
    world.open(connection)
    world.open(connection)
    waiting = []
    for step in [*steps, ("judge", 0, False)]:
        if happened(world, *step):
            waiting += world.told
            world.told = []
            waiting = [told for told in waiting if not judged(world, *told)]
    world.now += 2 * HOLD
    for told in waiting:
        assert judged(world, *told)


def judged(world, event, session, over):
    owner = world.owner(event)
    if owner is Later:
        return False
    assert is_allowed(world, event, session, over, owner), (event, session and session.rec, over, owner)
    return True


@given(steps)
def test_prop_the_only_session_of_a_login_has_all_of_its_events(steps):
    world = World()
    shared = {"login", "open"}
    root = world.log_in(ALICE)
    session = world.open(root)
    for what, number, flag in steps:
        if what not in shared and what != "close":
            happened(world, what, number, flag)
        for event, _, _ in world.told if what == "judge" else []:
            assert world.owner(event, final=True) == session.recording
        if what == "judge":
            world.told = []


@pytest.fixture
def world():
    return World()


def test_two_sessions_of_one_connection_are_told_apart_by_their_processes(world):
    root = world.log_in(ALICE)
    first, second = world.open(root), world.open(root)
    for session in (first, second):
        shell = session.leader
        child = world.begin(shell.pid, shell.login, session)
        event = world.runs(child)
        grandchild = world.begin(child.pid, child.login, session)
        later = world.runs(grandchild)
        assert world.owner(event) is session.recording
        world.ends(child)
        world.ends(grandchild)
        assert world.owner(later) is session.recording


def test_two_terminals_of_one_connection_are_told_apart_though_all_processes_have_gone(world):
    root = world.log_in(ALICE)
    first, second = world.open(root, terminal=True), world.open(root, terminal=True)
    between = world.begin(second.leader.pid, root.login, second, second.leader.terminal)
    child = world.begin(between.pid, root.login, second, second.leader.terminal)
    event = world.runs(child)
    world.ends(child)
    world.ends(between)
    assert world.owner(event) is second.recording
    assert first.recording is not second.recording


def test_what_cannot_be_told_apart_is_in_neither(world):
    root = world.log_in(ALICE)
    world.open(root)
    second = world.open(root)
    between = world.begin(second.leader.pid, root.login, second)
    child = world.begin(between.pid, root.login, second)
    event = world.runs(child)
    world.ends(child)
    world.ends(between)
    assert world.owner(event) == Background(root.login)


def test_the_login_shell_of_a_second_session_is_not_in_the_first(world):
    root = world.log_in(ALICE)
    world.open(root)
    shell = world.begin(root.pid, root.login)
    event = world.runs(shell)
    world.now += 0.2
    assert world.owner(event) is Later
    recording = Recording("second", root.login, "", shell.pid, root.pid, world.now)
    world.recordings.add(recording)
    assert world.owner(event) is recording


def test_what_sshd_does_before_the_only_session_belongs_to_it(world):
    root = world.log_in(ALICE)
    event = world.runs(root)
    assert world.owner(event) is Later
    session = world.open(root)
    world.now += HOLD
    assert world.owner(event) is session.recording


def test_what_outlives_its_session_is_in_the_background_after_it(world):
    root = world.log_in(ALICE)
    first, second = world.open(root), world.open(root)
    left = world.begin(first.leader.pid, root.login, first)
    child = world.begin(second.leader.pid, root.login, second)
    assert world.owner(world.runs(left)) is first.recording
    world.close(first)
    world.now += STEP
    assert left.parent == 1
    assert world.owner(world.runs(left)) == Background(root.login, first.rec)
    assert world.owner(world.runs(child)) is second.recording
    grandchild = world.begin(left.pid, root.login, first)
    assert world.owner(world.runs(grandchild)) == Background(root.login, first.rec)


def test_a_session_that_left_nothing_is_no_reason_for_doubt_about_the_next(world):
    root = world.log_in(ALICE)
    first = world.open(root)
    world.close(first)
    second = world.open(root)
    between = world.begin(second.leader.pid, root.login, second)
    child = world.begin(between.pid, root.login, second)
    event = world.runs(child)
    world.ends(child)
    world.ends(between)
    assert world.owner(event) is second.recording


def test_a_number_that_another_process_has_by_now_does_not_mislead(world):
    root = world.log_in(ALICE)
    first, second = world.open(root), world.open(root)
    old = world.begin(first.leader.pid, root.login, first)
    assert world.owner(world.runs(old)) is first.recording
    world.ends(old)
    world.now += 10
    new = world.begin(second.leader.pid, root.login, second)
    assert new.pid == old.pid
    assert world.owner(world.runs(new)) is second.recording


@pytest.mark.parametrize("whose", [0, 1])
def test_what_nobody_saw_begin_is_of_neither_session_when_one_ends(world, whose):
    root = world.log_in(ALICE)
    sessions = [world.open(root), world.open(root)]
    his = sessions[whose]
    between = world.begin(his.leader.pid, root.login, his)
    left = world.begin(between.pid, root.login, his)
    world.ends(between)
    world.close(sessions[0])
    world.now += STEP
    assert world.owner(world.runs(left)) == Background(root.login)


def test_a_number_that_another_process_got_before_anybody_looked_does_not_mislead(world):
    root = world.log_in(ALICE)
    first, second = world.open(root), world.open(root)
    between = world.begin(second.leader.pid, root.login, second)
    gone = world.begin(between.pid, root.login, second)
    event = world.runs(gone)
    world.ends(gone)
    world.ends(between)
    world.now += 10
    assert [world.begin(first.leader.pid, root.login, first).pid for _ in range(2)] == [between.pid, gone.pid]
    assert world.owner(event, final=True) == Background(root.login)


def test_logout_after_the_end_makes_no_background(world):
    root = world.log_in(ALICE)
    session = world.open(root)
    world.close(session)
    world.now += STEP
    event = world.runs(root, "logout")
    assert world.owner(event, final=True) is None


def test_cron_of_a_recorded_user_is_in_the_background_and_of_others_nowhere(world):
    job = world.begin(SSHD, (ALICE, 77))
    event = world.runs(job)
    assert world.owner(event) is Later
    world.now += HOLD + 0.1
    assert world.owner(event) == Background((ALICE, 77))
    others = Attribution(world.recordings, world.origins, lambda auid: False, world.processes_of)
    assert others.owner(event, world.now) is None
    daemon = AuditEvent(world.now, 1, None, None, 5, event.fields)
    assert world.owner(daemon) is None


def test_a_recording_whose_policy_audits_nothing_gets_nothing(world):
    root = world.log_in(ALICE)
    session = world.open(root)
    session.recording.audited = False
    assert world.owner(world.runs(session.leader)) is None
    orphan = world.begin(1, root.login, session)
    assert world.owner(world.runs(orphan), final=True) is None
