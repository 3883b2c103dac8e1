"""Measure a FreeIPA server with many policies: `python -m benchmarks.directory.run`, as root, on a lab of its own.

Prints a table with the targets beside the figures; docs/benchmarks.md is kept by hand.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.directory.generate import Size, generate, host_name, write

ROOT = Path(__file__).parent.parent.parent
LAB = ROOT / "integration/lab/lab"
SUFFIX, REALM = "dc=lab,dc=test", "LAB.TEST"
INSTANCE = "/etc/dirsrv/slapd-LAB-TEST"
HOST = host_name(17, REALM.lower())

TARGETS = {
    "request: find, the first 100": 1.0,
    "request: find, all": 1.0,
    "request: test": 1.0,
    "host: bind and search": 0.2,
    "host: search": 0.2,
}
"""Seconds."""


def main() -> int:
    """Start, fill, measure, stop."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lab", help="a lab that runs already and has the data, by its name; it is not stopped")
    args = parser.parse_args()
    try:
        return report(Lab(args.lab)) if args.lab else whole(Lab("benchmark"))
    except subprocess.CalledProcessError as error:
        # What failed has said why.
        print(
            f"{' '.join(map(str, error.cmd))}: exit status {error.returncode}; nothing more is measured",
            file=sys.stderr,
        )
        return 1


def whole(lab: "Lab") -> int:
    """In a lab of its own."""
    lab.lab("start")
    try:
        fill(lab, Size())
        return report(lab)
    finally:
        lab.lab("stop")


class Lab:
    """The server of a lab, by the lab's name."""

    def __init__(self, name: str) -> None:
        self._environment = {**os.environ, "LAB_NAME": name}

    def lab(self, *words: str) -> None:
        """A command of integration/lab/lab."""
        subprocess.run([LAB, *words], env=self._environment, check=True)

    def run(self, *command: str, input: bytes | None = None) -> bytes:
        """What a command on the server prints."""
        return subprocess.run(
            [LAB, "run", "server", *command], env=self._environment, input=input, check=True, stdout=subprocess.PIPE
        ).stdout


def fill(lab: Lab, size: Size) -> None:
    """The generated entries beside those that are there, by an export and an import of the whole directory."""
    begun = time.monotonic()
    lab.run("systemctl", "stop", "ipa.service")
    lab.run("ns-slapd", "db2ldif", "-D", INSTANCE, "-n", "userRoot", "-U", "-a", "/tmp/exported.ldif")
    exported = lab.run("cat", "/tmp/exported.ldif").decode()
    made = generate(SUFFIX, REALM, size)
    with tempfile.TemporaryFile("w+") as target:
        write(made, exported.splitlines(keepends=True), target)
        target.seek(0)
        lab.run("sh", "-c", "cat > /tmp/filled.ldif && chmod 644 /tmp/filled.ldif", input=target.read().encode())
    lab.run("ns-slapd", "ldif2db", "-D", INSTANCE, "-n", "userRoot", "-i", "/tmp/filled.ldif")
    lab.run("systemctl", "start", "ipa.service")
    print(f"{len(made.entries)} entries in {time.monotonic() - begun:.0f} s", file=sys.stderr)


def report(lab: Lab) -> int:
    """Measure and print."""
    lab.run("kinit", "admin", input=b"Secret123\n")
    lab.run("sh", "-c", f"rm -rf ~/.cache/ipa; ipa-getkeytab -q -p host/{HOST} -k /root/host.keytab")
    script = (Path(__file__).parent / "measure.py").read_bytes()
    lab.run("sh", "-c", "cat > /root/measure.py", input=script)
    measured = json.loads(lab.run("python3", "/root/measure.py", HOST))
    print("| measure | best, ms | median, ms | target |")
    print("| --- | ---: | ---: | ---: |")
    missed = False
    for name, times in measured.items():
        if isinstance(times, list):
            best, median = times
            target = TARGETS.get(name)
            missed |= target is not None and median >= target
            print(
                f"| {name} | {best * 1000:.0f} | {median * 1000:.0f} | {f'{target * 1000:.0f}' if target else ''} |"
            )
    print(
        f"\n{measured['policies']} policies, {measured['concerning']} concern the host, {measured['matched']} match"
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
