"""What watching for changes costs a FreeIPA server: `python -m benchmarks.directory.watching`, as root.

Persistent searches, of which each host would hold one open, against asking every few seconds. In a lab of its own
with a thousand policies; prints tables; docs/benchmarks.md is kept by hand.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.directory.generate import Size
from benchmarks.directory.run import HOST, Lab, fill

WATCHERS = ("50", "200", "500", "1000", "2000")
"""How many persistent searches are tried, one number after another."""
HOSTS = 10_000
EVERY = 3
"""The site that the costs are worked out for: so many hosts, each asking every so many seconds."""


def main() -> int:
    """Start, fill, measure, stop."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lab", help="a lab that runs already and has the data, by its name; it is not stopped")
    parser.add_argument("--fill", action="store_true", help="put the data into that lab first")
    parser.add_argument("--watchers", nargs="*", default=WATCHERS, help="numbers of persistent searches")
    args = parser.parse_args()
    lab = Lab(args.lab or "benchmark")
    try:
        if not args.lab:
            lab.lab("start")
        if args.fill or not args.lab:
            fill(lab, Size())
        report(measured(lab, args.watchers))
    except subprocess.CalledProcessError as error:
        print(f"{' '.join(map(str, error.cmd))}: exit status {error.returncode}", file=sys.stderr)
        return 1
    finally:
        if not args.lab:
            lab.lab("stop")
    return 0


def measured(lab: Lab, watchers: list[str]) -> dict[str, list[dict[str, float]]]:
    """Lists `watching` and `asking` of what was measured on the server."""
    lab.run("sh", "-c", f"echo Secret123 | kinit admin; ipa-getkeytab -q -p host/{HOST} -k /root/host.keytab")
    script = (Path(__file__).parent / "watching_measure.py").read_bytes()
    lab.run("sh", "-c", "cat > /root/watching.py", input=script)
    lines = lab.run("python3", "/root/watching.py", HOST, *watchers).decode().splitlines()
    results: dict[str, list[dict[str, float]]] = {"watching": [], "asking": []}
    for line in lines:
        row = json.loads(line)
        results[row.pop("kind")].append(row)
    return results


def report(results: dict[str, list[dict[str, float]]]) -> None:
    """Two tables."""
    for rows in results.values():
        if rows:
            names = list(rows[0])
            print("\n| " + " | ".join(names) + " |\n|" + " ---: |" * len(names))
            for row in rows:
                print(
                    "| "
                    + " | ".join(f"{row[name]:.4g}" if name != "what" else str(row[name]) for name in names)
                    + " |"
                )
    print(f"\n{HOSTS} hosts, each asking every {EVERY} s, by processor seconds of the directory server a second:")
    for row in results["asking"]:
        print(f"  {row['what']}: {HOSTS / EVERY * row['CPU µs each'] / 1e6:.2f}")


if __name__ == "__main__":
    sys.exit(main())
