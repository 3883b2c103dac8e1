"""A real Elasticsearch for the tests, without a container engine: the published jars, run by Java.

The jars are downloaded by Maven once and kept (`CACHE`); pom.xml says which version. java/ has the three classes that
start a node without the distribution's own launcher, which is not published as a jar.
"""

import hashlib
import os
import shutil
import subprocess
import threading
from pathlib import Path

HERE = Path(__file__).parent
LAB_CACHE = Path(os.environ.get("LAB_CACHE", "/var/cache/session-recording-lab"))
CACHE = LAB_CACHE / "elasticsearch" if os.geteuid() == 0 else HERE.parent.parent / "build" / "elasticsearch"

COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"

START_SECONDS = 180
"""More than a busy machine with two cores takes."""


class NodeError(Exception):
    """Elasticsearch cannot be started here; the text says why."""


def missing():
    """What must be installed first, as text; empty when it is all there."""
    programs = [name for name in ("java", "javac", "mvn") if shutil.which(name) is None]
    return f"{', '.join(programs)} not installed: apt-get install default-jdk-headless maven" if programs else ""


def prepared():
    """The class path. Downloads and compiles where nobody has yet, which takes a minute."""
    sources = sorted(HERE.glob("java/**/*.java"))
    version = hashlib.sha256(b"\0".join(path.read_bytes() for path in [HERE / "pom.xml", *sources])).hexdigest()[:12]
    place = CACHE / version
    if not place.is_dir():
        making = CACHE / f"{version}.{os.getpid()}"
        making.mkdir(parents=True)
        try:
            _run("mvn", "-q", "-B", "-f", HERE / "pom.xml", COPY, f"-DoutputDirectory={making / 'jars'}")
            _run(
                "javac",
                "--release",
                "17",
                "-nowarn",
                "-cp",
                making / "jars" / "*",
                "-d",
                making / "classes",
                *sources,
            )
            making.rename(place)
        except OSError:
            if not place.is_dir():  # else another process was faster
                raise
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return f"{place / 'classes'}:{place / 'jars' / '*'}"


class Node:
    """One Elasticsearch with its data in `home`. It ends when this process does."""

    def __init__(self, home, *, heap="512m", fast_start=True, **settings):
        self.home = Path(home)
        self.url = ""
        self._heap = heap
        # The compiler that starts fast, for tests; for benchmarks the one that makes fast code.
        self._compiler = ["-XX:TieredStopAtLevel=1"] if fast_start else []
        self._settings = {name.replace("__", "."): value for name, value in settings.items()}
        self._process = None

    def start(self):
        """Start it, again if need be, and wait until it listens. Raises NodeError."""
        self.home.mkdir(parents=True, exist_ok=True)
        if self.url:
            self._settings["http.port"] = self.url.rpartition(":")[2]
        # The serial collector because there are two cores for everything.
        options = [f"-Xms{self._heap}", f"-Xmx{self._heap}", "-XX:+UseSerialGC", *self._compiler]
        settings = [f"{name}={value}" for name, value in self._settings.items()]
        command = ["java", *options, "-Djava.security.manager=allow", "-cp", prepared()]
        with (self.home / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [*command, "org.elasticsearch.node.SingleNode", self.home, *settings],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
            )
        guard = threading.Timer(START_SECONDS, self._process.kill)
        guard.start()
        said = []
        try:
            for line in self._process.stdout:
                said.append(line)
                if line.startswith(b"listening "):
                    self.url = f"http://127.0.0.1:{int(line.split()[1])}"
                    break
            else:
                raise NodeError(f"Elasticsearch ended: {b''.join(said[-20:]).decode(errors='replace')}")
        finally:
            guard.cancel()
        # It writes its log there as well, and must not wait for a reader.
        threading.Thread(target=self._drain, args=(self._process.stdout,), daemon=True).start()

    def kill(self):
        """As when the machine loses its power."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self):
        """Let it end; its data stay."""
        if self._process is None:
            return
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    @staticmethod
    def _drain(output):
        while output.read1(65_536):
            pass


def _run(*command):
    done = subprocess.run(
        [str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, timeout=600, check=False
    )
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace").strip()
        raise NodeError(f"{command[0]} failed: {said[-500:]}")
