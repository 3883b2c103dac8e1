"""What a person does with a recording, step by step: each command is shown, run, and held to what it should give."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demo import page
from demo.failure import DemoFailed, expect

SHOWN = 5.0
"""Seconds that the playback of a long session takes at most; a short one is played SPEED times as fast."""

SPEED = 4.0

_HEADING, _COMMAND, _PLAIN = "\x1b[1;36m", "\x1b[1m", "\x1b[0m"


class Tour:
    """Works on the recordings in the directory `data`, with `sessrec`. Every step may raise DemoFailed."""

    def __init__(self, sessrec: Path, data: Path) -> None:
        self.data = data
        self._sessrec = sessrec
        path = f"{sessrec.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        self.variables: Mapping[str, str] = {"XDG_DATA_HOME": str(data), "PATH": path}
        self.environment: Mapping[str, str] = {**os.environ, **self.variables}

    def title(self, text: str) -> None:
        """A heading."""
        print(f"\n{_styled(_HEADING, '== ' + text)}")

    def command(self, line: str, program: str = "sessrec") -> None:
        """A command line, before its output."""
        print(_styled(_COMMAND, f"$ {program} {line}"), flush=True)

    def listed(self) -> str:
        """The one recording is in the list, whole; its id."""
        self.title("List")
        self._show("list")
        recordings = self._objects("list")
        expect(len(recordings) == 1, f"'sessrec list' has {len(recordings)} recordings and not the one")
        only = recordings[0]
        expect(only["state"] == "ended", f"the recording is '{only['state']}' and not 'ended'")
        return str(only["rec"])

    def last_command(self, rec: str) -> str | None:
        """The program that was run last, as a word to search for; None if nothing was run but exit."""
        [facts] = self._objects("show", rec)
        words = [word for seen in facts["commands"] for word in seen["text"].split()[:1]]
        names = [word for word in words if re.fullmatch(r"[\w./-]*\w", word) and word not in ("exit", "logout")]
        return names[-1] if names else None

    def resized(self, rec: str, columns: int, rows: int) -> None:
        """The recording knows of the window's new size."""
        [facts] = self._objects("show", rec)
        sizes = [event["detail"]["process"]["tty"] for event in facts["events"] if event["action"] == "resize"]
        wanted = {"columns": columns, "rows": rows}
        expect(wanted in sizes, f"'sessrec show' does not know of the window's new size: {sizes}")

    def not_in_raw(self, rec: str, word: str) -> None:
        """The bytes of the recording do not hold the word in one piece: colours and messages divide it."""
        file = self._file(rec)
        shown = shlex.quote(os.path.relpath(file))
        self.command(f"-c {word} {shown}", program="grep")
        lines = file.read_text().splitlines()
        count = sum(word in line for line in lines)
        print(count)
        expect(count == 0, f"'{word}' stands in the recording as it is; it was to be printed in pieces")
        half = len(word) // 2
        both = [line for line in lines if word[:half] in line and word[half:] in line]
        expect(not both, f"the halves of '{word}' are in one message; they were to be printed one after the other")

    def found(self, query: str, text: str, kind: str) -> None:
        """The search has a hit of that kind, whose line holds the text."""
        self._show("search", "--limit", "3", query)
        hits = self._objects("search", query)
        wanted = [hit for hit in hits if hit["kind"] == kind and text in hit["text"]]
        expect(wanted, f"'sessrec search {shlex.quote(query)}' does not find '{text}' as {kind}")

    def secret(self, rec: str, secret: str) -> None:
        """What was typed without echo is neither found nor stored."""
        self._show("search", secret, status=1)
        typed = self._run("export", rec, "--as", "raw", "--input").stdout
        expect(b"deploy" in typed, "what was typed is not in the recording; it was asked for with --input")
        expect(secret.encode() not in typed, "the password is among what was typed")
        files = [file for file in self.data.rglob("*") if file.is_file()]
        holding = [str(file) for file in files if secret.encode() in file.read_bytes()]
        expect(not holding, f"the password stands in {', '.join(holding)}")
        print(f"nor does it stand in one of the {len(files)} files in {os.path.relpath(self.data)}")

    def verified(self, rec: str) -> None:
        """The recording is proven from its first message to its last."""
        self.title("Verify")
        self._show("verify", rec)
        [verdict] = self._objects("verify", rec)
        expect("complete" in verdict.values(), f"'sessrec verify' says {verdict}")

    def played(self, rec: str, printed: bytes | None = None) -> None:
        """The recording is played, fast; the bytes are those that were `printed`, where that is known."""
        self.title("Play it, fast")
        [facts] = self._objects("show", rec)
        speed = f"{max(SPEED, facts['length_ms'] / 1000 / SHOWN):.0f}"
        arguments = ["play", "--speed", speed, "--skip-idle", "0.5", rec]
        if sys.stdout.isatty():
            self._show(*arguments)
            played = self._run("play", "--speed", "0", rec).stdout
        else:
            file = self.data / "played"
            self.command(f"{shlex.join(arguments)} > {shlex.quote(os.path.relpath(file))}")
            played = self._run(*arguments).stdout
            file.write_bytes(played)
        expect(played, "nothing was played")
        if printed is not None:
            expect(played == printed, f"{len(played)} bytes were played, {len(printed)} printed, and they differ")
            print(f"{len(played)} bytes, each as it was on the terminal")

    def served(self, rec: str) -> None:
        """The recording is on the page."""
        self.title("In the browser")
        self.command("serve --local")
        page.shown(self._sessrec, self.environment, rec)

    def farewell(self, rec: str, query: str) -> None:
        """What to try next, with a recording and something that is found in it."""
        self.title("Try next")
        begin = shlex.quote(rec[:8])
        print(
            f"export XDG_DATA_HOME={shlex.quote(str(self.data))} PATH={shlex.quote(str(self._sessrec.parent))}:$PATH"
        )
        for line, about in (
            (f"play {begin}", "space stops and goes on, arrows, / to search, c for commands, ? for all keys"),
            (f"show {begin}", "who, where, when, each command, each event"),
            (f"search --json {shlex.quote(query)}", "the hits for programs"),
            (f"export {begin} --as asciicast -o {shlex.quote(os.path.relpath(self.data / 'demo.cast'))}", ""),
            ("rec --input -- bash", "another session; while it goes on, 'sessrec play -f' follows it elsewhere"),
            ("--help", ""),
        ):
            print(f"sessrec {line:<28}  {about}".rstrip())
        print("\nAnd the page again; this prints its address, and serves it until Ctrl-C:\nsessrec serve --local")

    def _file(self, rec: str) -> Path:
        return self.data / "session-recording" / "recordings" / f"{rec}.jsonl"

    def _show(self, *arguments: str, status: int = 0) -> None:
        """Run with its output where ours goes, errors too: they are part of what is shown."""
        self.command(shlex.join(arguments))
        done = subprocess.run([str(self._sessrec), *arguments], env=self.environment, stderr=subprocess.STDOUT)
        expect(
            done.returncode == status,
            f"'sessrec {shlex.join(arguments)}' ended with status {done.returncode}, not {status}",
        )

    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
        """Run for its output."""
        done = subprocess.run([str(self._sessrec), *arguments], env=self.environment, stdout=subprocess.PIPE)
        expect(done.returncode == 0, f"'sessrec {shlex.join(arguments)}' ended with status {done.returncode}")
        return done

    def _objects(self, *arguments: str) -> list[dict[str, Any]]:
        """The JSON objects that a verb gives."""
        output = self._run(*arguments, "--json").stdout
        try:
            return [json.loads(line) for line in output.splitlines()]
        except ValueError as error:
            raise DemoFailed(f"'sessrec {shlex.join(arguments)} --json' gives no JSON: {output[:80]!r}") from error


def _styled(style: str, text: str) -> str:
    return f"{style}{text}{_PLAIN}" if sys.stdout.isatty() else text
