"""The auditor's page: how soon it shows what was asked for, and what many viewers and large sessions cost.

`sessrec serve --local` over SQLite and Chromium, on the same machine. A first frame is there when text stands on the
page's terminal, counted from the click on the session in the list; a page when the browser has laid it out, or, where
it says so, when a program has its last byte. Memory is what the server's process has of its own, at most.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.recorder.report import Outcome, machine, outcome, show, table, target_rows
from benchmarks.recorder.targets import Target
from benchmarks.results import write_section
from benchmarks.web import workload
from benchmarks.web.large import large
from benchmarks.web.live import live
from tests.web.browser import Browser
from tests.web.serving import Server

HEADING = "## The auditor's page"

TIMES = 20
"""Each question; the median counts."""

QUERIES = ("root", '"xylophone concert"', "cmd:x", "tas", "user:user7* root", "10.3.141", "neverwrittenanywhere")

MS, S = "ms, median", "s, median"
TARGETS = [
    Target("first frame after the click", lambda figures: figures[MS]["first frame"], "at most", 500, "ms"),
    Target("search page, 10,000 sessions", lambda figures: figures[MS]["search"], "at most", 300, "ms"),
    Target("middle of an 8-hour session", lambda figures: figures[MS]["seek"], "at most", 1000, "ms"),
]

# The time at which text first stands on the terminal, after the click that led to the page.
FIRST_FRAME = """
(() => {
    const look = () => {
        const layer = document.querySelector('.stage pre.ap-term-text');
        if (layer && layer.textContent.trim()) window.firstFrame = performance.timeOrigin + performance.now();
        else requestAnimationFrame(look);
    };
    look();
    addEventListener('click', () => {
        sessionStorage.setItem('clicked', performance.timeOrigin + performance.now());
    }, true);
})();
"""
SEEK = """
const [text, done] = arguments;
const began = performance.now();
for (const key of '4:00:00G') document.body.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
const look = () => {
    const layer = document.querySelector('.stage pre.ap-term-text');
    if (layer && layer.textContent.replace(/\\s/g, '').includes(text)) done(performance.now() - began);
    else requestAnimationFrame(look);
};
look();
"""


def main() -> int:
    """Measure, show the table, and write its section of docs/benchmarks.md unless --quick or only a part."""
    parser = argparse.ArgumentParser(prog="make bench-web", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="everything small, nothing written")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part; nothing written")
    parser.add_argument(
        "--stores", type=Path, metavar="DIR", help="keep the stores there, and use those that are there"
    )
    args = parser.parse_args()
    console = Console()
    figures: dict[str, dict[str, float]] = {}
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="bench-web-") as name:
        place = Path(name)
        stores = args.stores or place
        stores.mkdir(exist_ok=True)
        for part in args.only or PARTS:
            console.print(f"{part} …")
            part_figures, part_rows = PARTS[part](place, stores, args.quick)
            for unit, values in part_figures.items():
                figures.setdefault(unit, {}).update(values)
            rows += part_rows
            for title, value in part_rows:
                console.print(f"  {title}: {value}", highlight=False)
    found = outcome(figures, {}, TARGETS)
    show(console, found, {})
    if not args.quick and not args.only:
        write_section(HEADING, section(found, rows))
    return 0


Part = tuple[dict[str, dict[str, float]], list[list[str]]]


def lists(place: Path, stores: Path, quick: bool) -> Part:
    """The list of many sessions, as programs and as a browser get it."""
    count = 2000 if quick else 100_000
    store = made(stores, f"listed-{count}", lambda path: workload.listed(path, count))
    rows = [["sessions in the list", f"{count:,}"]]
    with served(place, store) as (server, client):
        for title, path in {
            "the list, latest 50": "/sessions",
            "of one user": "/sessions?user=user7",
            "of hosts with a pattern, in one week": "/sessions?host=web1*&range=week",
            "live ones": "/sessions?state=live",
            "by host": "/sessions?group=host",
            "by day": "/sessions?group=day",
        }.items():
            rows.append([f"{title}, last byte", spread(partial(fetched, client, server.base + path))])
        rows.append(["memory of the server", f"{peak(server):.0f} MB"])
    return {}, rows


def searches(place: Path, stores: Path, quick: bool) -> Part:
    """The search page."""
    count = 200 if quick else 10_000
    store = made(stores, f"searched-{count}", lambda path: workload.searched(path, count))
    rows = [["sessions searched", f"{count:,}, 100 messages and 16,000 characters each"]]
    slowest = 0.0
    with served(place, store) as (server, client):
        for query in QUERIES:
            address = f"{server.base}/search?{urllib.parse.urlencode({'q': query})}"
            times = [fetched(client, address) for _ in range(TIMES)]
            slowest = max(slowest, statistics.median(times))
            rows.append([f"search page for {query}, last byte", told(times)])
        with browser(place, server) as page:
            rows.append(
                ["search page in Chromium, laid out", spread(lambda: loaded(page, f"{server.base}/search?q=root"))]
            )
    return {MS: {"search": slowest}}, rows


def first_frames(place: Path, stores: Path, quick: bool) -> Part:
    """From the click in the list until the session is seen."""
    store = made(stores, "ordinary", lambda path: workload.ordinary(path, TIMES))
    times = []
    with served(place, store) as (server, _), browser(place, server) as page:
        page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": FIRST_FRAME})
        for number in range(5 if quick else TIMES):
            page.go(f"{server.base}/sessions")
            page.driver.find_elements("css selector", "table.list tbody a")[number].click()
            seen = page.until(lambda: page.script("return window.firstFrame"), "no first frame")
            times.append(seen - float(page.script("return sessionStorage.getItem('clicked')")))
    return {MS: {"first frame": statistics.median(times)}}, [["first frame after the click", told(times)]]


def seeks(place: Path, stores: Path, quick: bool) -> Part:
    """To the middle of a working day, each time on a page that is new, the first time by a server that is new too."""
    store = made(stores, "day", workload.working_day)
    text = workload.HALF.replace(" ", "")
    times = []
    with served(place, store) as (server, _), browser(place, server) as page:
        for number in range(3 if quick else 10):
            page.go(f"{server.base}/watch/day?t=0")
            page.see(".stage pre.ap-term-text")
            page.until(lambda: page.script("return !!document.querySelector('.watch.playing')"), "it does not play")
            took = page.driver.execute_async_script(SEEK, text)
            if number == 0:
                first = took
            times.append(took)
        rows = [
            ["middle of an 8-hour session, 17 MB", told(times)],
            ["the first time, by a server that has just been started", f"{first:.0f} ms"],
            ["memory of the server", f"{peak(server):.0f} MB"],
        ]
    return {MS: {"seek": statistics.median(times)}}, rows


def viewers(place: Path, stores: Path, quick: bool) -> Part:
    """See benchmarks.web.live."""
    return {}, asyncio.run(live(place, 20 if quick else 200, 10 if quick else 60))


def large_ones(place: Path, stores: Path, quick: bool) -> Part:
    """See benchmarks.web.large."""
    rows: list[list[str]] = []
    for name, size, make in (
        ("large", 20_000_000 if quick else 1_000_000_000, workload.large),
        ("eventful", 20_000 if quick else 1_000_000, workload.eventful),
    ):
        store = made(stores, f"{name}-{size}", partial(_sized, make, size))
        rec = "large" if name == "large" else "r"
        title = f"a session of {size / 1e6:,.0f} MB" if name == "large" else f"a session with {size:,} events"
        with served(place, store) as (server, client):
            rows += large(server, client, rec, title)
    return {}, rows


def _sized(make: Callable[[Path, int], None], size: int, path: Path) -> None:
    make(path, size)


PARTS: dict[str, Callable[[Path, Path, bool], Part]] = {
    "first frame": first_frames,
    "seek": seeks,
    "search": searches,
    "list": lists,
    "live": viewers,
    "large": large_ones,
}


def made(stores: Path, name: str, make: Callable[[Path], None]) -> Path:
    """The store of this name, which is made where there is none."""
    path = stores / f"{name}.sqlite"
    if not path.exists():
        make(path)
    return path


@contextmanager
def served(place: Path, store: Path) -> Iterator[tuple[Any, urllib.request.OpenerDirector]]:
    """A server over the store, and a program that is signed in."""
    server = Server(place, store)
    try:
        yield server, server.client()
    finally:
        server.close()


@contextmanager
def browser(place: Path, server: Any) -> Iterator[Any]:
    """A browser that is signed in."""
    with ExitStack() as stack:
        page = Browser(place)
        stack.callback(page.close)
        page.go(server.address())
        yield page


def fetched(client: urllib.request.OpenerDirector, address: str) -> float:
    """Milliseconds until the last byte."""
    began = time.perf_counter()
    client.open(address, timeout=120).read()
    return (time.perf_counter() - began) * 1000


def loaded(page: Any, address: str) -> float:
    """Milliseconds until the browser has the page laid out, from its start."""
    page.go(address)
    return float(page.script("return performance.getEntriesByType('navigation')[0].domComplete"))


def spread(ask: Callable[[], float]) -> str:
    """The median and the worst of several."""
    return told([ask() for _ in range(TIMES)])


def told(times: list[float]) -> str:
    """As people read it."""
    return f"{statistics.median(times):.0f} ms, at most {max(times):.0f} ms"


def peak(server: Any) -> float:
    """MB that the process has had of its own at most."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def section(found: Outcome, rows: list[list[str]]) -> str:
    """With its heading."""
    parts = [
        HEADING,
        "Made by `make bench-web`; [benchmarks/README.md](../benchmarks/README.md) says how it is measured.",
        "\n".join(f"- {line}" for line in machine()),
        table(target_rows(found)),
        "The median of each, and the worst of all.",
        table([["", ""], *rows]),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
