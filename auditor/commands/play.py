"""Play a recording on the terminal: a file of messages (ours or tlog's), or one of the store by its id or the
beginning of it.

Keys and options are those of tlog-play and more: press ? while playing. A recording cannot do anything to the
terminal it is shown on: it is painted from a screen of its own, at any size of the terminal, and what programs
asked of their terminal (answers, titles, the clipboard, mouse and keyboard modes) is left out.

When standard output is no terminal, exactly the recorded bytes are written to it, at the recorded pace;
`--speed 0` or `--goto end` writes them at once.

EXAMPLES
  sessrec play 175bde1c                  the recording whose id begins so
  sessrec play -s 4 --skip-idle FILE     four times as fast, pauses shortened to 2 seconds
  sessrec play -f -g end REC             watch a session that is going on
  sessrec play -g end FILE > output      every byte that was printed
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from auditor.ledger.of_store import note_reading
from auditor.player.auditor_terminal import AuditorTerminal, keyboard
from auditor.player.controls import Controls
from auditor.player.loader import Loader, PlayError
from auditor.player.moment import MomentError, parse
from auditor.player.pipe import write_output
from auditor.player.playback import IDLE_LIMIT, Playback
from auditor.player.player import Player
from auditor.player.seen_index import SeenIndex
from auditor.recordings.locate import StoreRecording, locate
from auditor.recordings.store_name import METAVAR, store_name

HELP = "play a recording: forward, back, to a time, a command or a text"


class _UsageError(PlayError):
    exit_status = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options; the names that tlog-play has mean the same here."""
    parser.add_argument("recording", metavar="REC|FILE", nargs="?", help="what to play: a recording's id, or a file")
    parser.add_argument(
        "-s",
        "--speed",
        type=_speed,
        default=1.0,
        metavar="NUMBER",
        help="play so many times as fast (default 1); 0 shows everything at once",
    )
    parser.add_argument("-f", "--follow", action="store_true", help="at the end wait for more of a running session")
    parser.add_argument(
        "-g",
        "--goto",
        type=_moment,
        metavar="TIME",
        help="go to start, end, or HH:MM:SS.sss, where parts may be missing",
    )
    parser.add_argument("-p", "--paused", action="store_true", help="start paused")
    parser.add_argument(
        "--skip-idle",
        type=_seconds,
        nargs="?",
        const=IDLE_LIMIT / 1000,
        metavar="SECONDS",
        help=f"play at most SECONDS (default {IDLE_LIMIT / 1000:g}) of each pause; the key i switches it",
    )
    parser.add_argument("--stay", action="store_true", help="pause at the end instead of leaving")
    parser.add_argument(
        "--lax", action="store_true", help="leave out what cannot be read, go on over missing messages"
    )
    parser.add_argument("--persist", action="store_true", help="ignore the key q and signals from the keyboard")
    parser.add_argument(
        "--raw-output",
        action="store_true",
        help="write the recorded bytes as they are to a terminal too: no keys, and the recording can do to the "
        "terminal whatever a program can",
    )
    parser.add_argument("-r", "--reader", choices=["file"], help="accepted because tlog-play has it")
    parser.add_argument("-i", "--file-path", type=Path, metavar="FILE", help="the same as FILE, as tlog-play has it")
    parser.add_argument(
        "-m", "--file-match", metavar="REC", help="play this recording of a file that holds more than one"
    )
    parser.add_argument(
        "--store", type=store_name, metavar=METAVAR, help="the store to look in, instead of the user's own"
    )


def run(args: argparse.Namespace) -> int:
    """Play; 0 at the end or after q. A signal that ended it ends this process in the same way."""
    if (args.recording is None) == (args.file_path is None):
        raise _UsageError("say what to play: a recording's id or a file, once")
    raw = args.raw_output or not os.isatty(sys.stdout.fileno())
    if raw and args.paused:
        raise _UsageError("--paused needs a terminal on standard output, and no --raw-output")
    source = locate(str(args.file_path or args.recording), args.store)
    try:
        note_reading(args.store, "watch", source)
        loader = Loader(source, lax=args.lax, match=args.file_match)
        loader.load()
        if loader.error is not None and not len(loader.timeline):
            raise loader.error
        playback = Playback(
            loader.timeline,
            speed=args.speed,
            paused=args.paused,
            follow=args.follow,
            idle_limit=None if args.skip_idle is None else round(args.skip_idle * 1000),
            goto=args.goto,
            now=time.monotonic(),
        )
        if raw:
            write_output(loader, playback, sys.stdout.fileno())
            return 0
        if isinstance(source, StoreRecording):
            loader.add_derived(source.alerts())
        return _play(loader, playback, args)
    finally:
        source.close()


def _play(loader: Loader, playback: Playback, args: argparse.Namespace) -> int:
    limit = IDLE_LIMIT if args.skip_idle is None else round(args.skip_idle * 1000)
    controls = Controls(playback, SeenIndex(loader.timeline), persist=args.persist, idle_limit=limit)
    keys = keyboard()
    terminal = AuditorTerminal(sys.stdout.fileno(), keys, persist=args.persist)
    player = Player(loader, playback, controls, terminal, encoding=sys.stdout.encoding, stay=args.stay)
    ended_by = player.run()
    if ended_by == signal.SIGINT:
        raise KeyboardInterrupt
    if ended_by is not None:
        # Whoever waits for us is to see the signal, as without a handler.
        signal.signal(ended_by, signal.SIG_DFL)
        os.kill(os.getpid(), ended_by)
    return 0


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 <= speed <= 1e6:
        raise ValueError(text)
    return speed


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 1e9:
        raise ValueError(text)
    return seconds


def _moment(text: str) -> float:
    try:
        return parse(text)
    except MomentError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: {error}") from error
