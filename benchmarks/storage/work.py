"""An hour of somebody's work at a terminal, made up: he types a command, looks at what it says, and thinks.

A plan is a file of JSON lines [SECONDS TO WAIT, TEXT]. The same seed makes the same plan.
"""

import json
import random
import sys
from pathlib import Path

from benchmarks.sessions import PROMPT, Sessions

KEYS_A_SECOND = 5.0
"""A practised typist's 60 words a minute."""

THINKS = (2.0, 25.0)
"""Seconds between what a command says and the next one, evenly drawn."""

SAYS = (200, 6000)
"""Bytes that a command says, likewise."""

_PLAYER = """
import json, sys, time
for line in open(sys.argv[1]):
    wait, text = json.loads(line)
    time.sleep(wait)
    sys.stdout.write(text)
    sys.stdout.flush()
"""


def write_plan(file: Path, seed: int, seconds: float, sessions: Sessions) -> int:
    """A plan that lasts about so long; the bytes that it prints."""
    lots = random.Random(seed)
    passed, steps = 0.0, []
    while passed < seconds:
        typed = " ".join(sessions.words(3))
        key = lots.uniform(0.5, 1.5) / KEYS_A_SECOND
        steps += [(lots.uniform(*THINKS), PROMPT), *((key, letter) for letter in typed), (key, "\r\n")]
        steps.append((0.05, sessions.output(lots.randint(*SAYS)).decode()))
        passed = sum(wait for wait, _ in steps)
    file.write_text("".join(json.dumps(step) + "\n" for step in steps))
    return sum(len(text.encode()) for _, text in steps)


def player(plan: Path) -> list[str]:
    """The command that plays a plan."""
    return [sys.executable, "-c", _PLAYER, str(plan)]
