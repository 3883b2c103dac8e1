"""A fleet for half an hour, with faults, and an account of every session: `make soak`, as root.

50 hosts, each a responder and a recorder with its own keytab and name, ask a lab's FreeIPA whom to record; 1,000
sessions go through one journald, rsyslogd and Elasticsearch into a store. Parts of it are killed or stand still
meanwhile. At last each session's terminal is compared with its recording, and every recording is verified.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.directory.run import Lab
from benchmarks.login import memory
from benchmarks.login.host import ROOT
from benchmarks.results import write_section
from benchmarks.soak import fleet, report
from benchmarks.soak.accounting import COMPLETE, TRUNCATED, Outcome, judge
from benchmarks.soak.directory import DOMAIN, Directory, Meter
from benchmarks.soak.faults import CYCLE, Faults, ServiceKills
from benchmarks.soak.hosts import Host, SoakError, started
from benchmarks.soak.log_chain import LogChain
from benchmarks.soak.people import People
from benchmarks.soak.report import Figures
from recorder.errors import SessrecError
from recorder.keys.signing_key import PublicKey, load
from recorder.keys.trusted_keys import trust
from tests.elasticsearch_node import NodeError

SMALL = 10
"""One host of so many keeps little back while journald is away."""
QUIET, IDLE = 20.0, 40.0
"""Seconds for which the directory server is watched without the hosts, and with them before the first session."""
LEAVING = 120.0
"""Seconds after the time in which the last sessions must have ended."""
SETTLING = 600.0
"""Seconds for messages to arrive after that."""
BATCH = 100
"""Recordings that one `sessrec verify` is asked for."""
COUNTED = 0.6
"""Part of the first cycle of faults in which operations of the directory server are counted."""
CALM = 30.0
"""Seconds after a fault of the directory that count for nothing: hosts come back."""
BOUND = 1800.0
"""Seconds that all may take beside the time of the sessions; then it is ended."""

_INSIDE = "SOAK_INSIDE"
"""Of the environment: the lab's name, or "" without one, for the process that runs in a namespace of its own."""


def main() -> int:
    """Exit status 1 when a session is not accounted for, or something could not be run."""
    parser = argparse.ArgumentParser(prog="make soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=50, help="how many (default: 50)")
    parser.add_argument("--sessions", type=int, help="how many (default: 1000 in half an hour)")
    parser.add_argument("--seconds", type=float, default=1800.0, help="in which they begin and end (default: 1800)")
    parser.add_argument("--seed", type=int, default=1, help="of all that is left to chance (default: 1)")
    parser.add_argument("--lab", help="a lab that runs already, by its name; it is not stopped")
    parser.add_argument(
        "--local", action="store_true", help="without FreeIPA: policies in a file; nothing is written"
    )
    args = parser.parse_args()
    args.sessions = args.sessions or round(1000 * args.seconds / 1800)
    if os.geteuid() != 0:
        sys.exit("make soak needs root: it makes users and logs them in")
    if _INSIDE in os.environ:
        return inside(args, os.environ[_INSIDE])
    return outside(args)


def outside(args: argparse.Namespace) -> int:
    """Start a lab if need be, and run the soak in namespaces and a control group that end with it."""
    lab = "" if args.local else args.lab or "soak"
    own = bool(lab) and not args.lab
    try:
        if own:
            os.environ.setdefault("LAB_PYTHON", sys.executable)
            # Its client is only a file system and an address here.
            Lab(lab).lab("start", "plugin")
        with control_group() as group:
            enter = ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(group)]
            unshare = ["unshare", "--mount", "--propagation", "private", "--"]
            command = [*enter, *unshare, sys.executable, "-m", "benchmarks.soak.run", *sys.argv[1:]]
            environment = {**os.environ, _INSIDE: lab}
            return subprocess.run(command, cwd=ROOT, env=environment, timeout=args.seconds + BOUND).returncode
    except (SoakError, subprocess.SubprocessError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    finally:
        if own:
            Lab(lab).lab("stop")


@contextmanager
def control_group() -> Iterator[Path]:
    """A control group of which nothing is left afterwards."""
    found = subprocess.run(["findmnt", "-n", "-o", "TARGET", "-t", "cgroup2"], capture_output=True, text=True)
    if not found.stdout:
        raise SoakError("this machine has no cgroup2 file system")
    group = Path(found.stdout.splitlines()[0]) / f"session-recording-soak-{os.getpid()}"
    group.mkdir()
    try:
        yield group
    finally:
        (group / "cgroup.kill").write_text("1")
        end = time.monotonic() + 30
        while "populated 1" in (group / "cgroup.events").read_text() and time.monotonic() < end:
            time.sleep(0.1)
        group.rmdir()


def inside(args: argparse.Namespace, lab: str) -> int:
    """The soak itself; the report, and its section of docs/benchmarks.md unless --local."""
    hosts: list[Host] = []
    chain: LogChain | None = None
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as home:
        try:
            directory = Directory(lab) if lab else None
            fleet.make(directory.layers if directory else "/", freeipa=directory is not None)
            chain = LogChain(Path(home))
            chain.start()
            outcome, figures = soak(args, hosts, chain, directory)
        except (SoakError, NodeError, SessrecError, subprocess.CalledProcessError) as error:
            print(f"soak: {error}", file=sys.stderr)
            return 1
        finally:
            for host in hosts:
                host.close()
            if chain is not None:
                chain.close()
    print("\n".join(f"{name}: {value}" for name, value in figures.rows()))
    for problem in outcome.problems:
        print(f"NOT AS IT MUST BE: {problem}")
    if directory is not None:
        write_section(report.HEADING, report.section(figures))
    return 1 if outcome.problems else 0


def soak(
    args: argparse.Namespace, hosts: list[Host], chain: LogChain, directory: Directory | None
) -> tuple[Outcome, Figures]:
    """All of it; `hosts` are added as they are made, for whoever has to end them."""
    names = [f"soak{number:03}.{DOMAIN}" for number in range(1, args.hosts + 1)]
    small = set(names[::SMALL])
    say(f"{len(names)} hosts, {args.sessions} sessions in {args.seconds:.0f} s")
    keytabs = directory.set_up(names, sorted(small)) if directory else {}
    figures = Figures(args.hosts, args.sessions, args.seconds)
    meter = Meter(directory) if directory else None
    if meter is not None:
        meter.start()
        time.sleep(QUIET)
        figures.quiet = meter.since(0.0)
    for name in names:
        network = directory.network if directory else None
        hosts.append(Host(name, keytab=keytabs.get(name, b""), network=network, small=name in small))
    say(f"hosts are ready after {started(hosts, 60 + 6 * len(hosts)):.0f} s")
    if directory is not None and meter is not None:
        began = time.monotonic()
        asked = Asked(directory)
        pids = [host.pid("responder") for host in hosts]
        used = sum(map(memory.cpu, pids))
        keep_for(IDLE, hosts)
        figures.responder = (sum(map(memory.cpu, pids)) - used) / IDLE / len(hosts), memory.of(pids).pss / len(hosts)
        figures.asked = asked.a_second()
        figures.idle = meter.since(began)
    people = People(hosts, args.sessions, args.seconds, args.seed)
    figures.kills = ServiceKills(people, hosts, args.seconds, args.seed).counts
    faults = Faults(chain, directory, hosts, args.seconds)
    people.sink_is_away = faults.sink_is_away
    if directory is not None:
        asked = Asked(directory)
        # Before the first fault of the directory, with which its counters begin anew.
        people.at(COUNTED * min(args.seconds, CYCLE), lambda: figures.asked_more.update(asked.a_second()))
    began = time.monotonic()
    go_through(people, faults, hosts, chain, meter, args.seconds)
    figures.busy = [use for use in meter.since(began) if use.when < began + args.seconds] if meter else []
    if meter is not None:
        meter.finish()
    outcome = settle(people, faults, hosts, chain, directory)
    figures.take(outcome, people, faults, chain)
    return outcome, figures


class Asked:
    """What is asked of the directory server from now on."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._began, self._before = time.monotonic(), directory.operations()

    def a_second(self) -> dict[str, float]:
        """Operations of each kind a second, until now."""
        seconds, now = time.monotonic() - self._began, self._directory.operations()
        return {name: (count - self._before[name]) / seconds for name, count in now.items()}


def go_through(
    people: People, faults: Faults, hosts: list[Host], chain: LogChain, meter: Meter | None, seconds: float
) -> None:
    """Until the last session is over."""
    people.begin()
    faults.start()
    kept, disturbed = 0.0, -CALM
    while (faults.is_alive() or not people.all_over()) and people.now < seconds + LEAVING:
        people.step()
        if people.now - kept > 0.2:
            kept = people.now
            for host in hosts:
                host.keep(time.monotonic())
            chain.keep()
            disturbed = people.now if faults.directory_away else disturbed
            if meter is not None:
                meter.disturbed = people.now - disturbed < CALM
    faults.finish()
    people.hang_up()


def settle(
    people: People, faults: Faults, hosts: list[Host], chain: LogChain, directory: Directory | None
) -> Outcome:
    """Wait for what is on its way, and look at all of it."""
    say("all sessions are over; waiting for their last messages")
    problems = list(faults.errors)
    end = time.monotonic() + LEAVING
    while time.monotonic() < end and any(host.sessions() for host in hosts):
        keep_for(1.0, hosts)
    problems += [f"{host.name} still describes sessions that are over" for host in hosts if host.sessions()]
    if directory is not None:
        while (left := directory.sessions()) and time.monotonic() < end:
            keep_for(2.0, hosts)
        problems += [f"FreeIPA still has {left} sessions that are over"] if left else []
        published = directory.published_keys()
        problems += [f"FreeIPA has no key of {host.name}" for host in hosts if public(host).key_id not in published]
    chain.settled(SETTLING)
    messages = chain.messages()
    problems += chain.left_behind(messages)
    outcome = judge([session.told() for session in people.sessions], messages, verdicts(chain, hosts, list(messages)))
    listed = chain.sessrec("list", "--json", "--store", str(chain.address)).splitlines()
    refused = chain.sessrec("list", "--json", "--quarantined", "--store", str(chain.address)).splitlines()
    if len(listed) != len(messages):
        problems.append(f"the store lists {len(listed)} recordings of {len(messages)}")
    problems += [f"quarantined: {line[:300]}" for line in refused]
    outcome.problems += problems
    return outcome


def verdicts(chain: LogChain, hosts: list[Host], recs: list[str]) -> dict[str, str]:
    """What `sessrec verify` says of each, with the hosts' keys."""
    own = chain.home / "data" / "session-recording" / "key.pem"
    for host in hosts:
        trust(public(host), own)
    found = {}
    for start in range(0, len(recs), BATCH):
        said = chain.sessrec("verify", "--json", "--store", str(chain.address), *recs[start : start + BATCH])
        for line in said.splitlines():
            answer = json.loads(line)
            whole = answer["verdict"] in (COMPLETE, TRUNCATED)
            found[answer["name"]] = answer["verdict"] if whole else f"{answer['verdict']}: {answer['reason']}"
    return found


def public(host: Host) -> PublicKey:
    """The key that a host signs with, bound to it."""
    key = load(host.state / "key.pem").public
    return PublicKey(key.raw, key.created, host.name)


def keep_for(seconds: float, hosts: list[Host]) -> None:
    """Let time pass; services that end are started again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for host in hosts:
            host.keep(time.monotonic())
        time.sleep(min(0.2, seconds))


def say(line: str) -> None:
    """For whoever waits."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
