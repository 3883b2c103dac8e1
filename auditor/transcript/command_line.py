"""Commands as they stood on the line when Enter was pressed, read from the screen.

Two kinds of shell are told apart. Those with a line editor of their own say when editing begins and ends: bash and
everything with readline, zsh and fish switch bracketed paste on and off (DEC private mode 2004), and some write
OSC 133 marks. Whatever was done to the line meanwhile (arrows, history, completion, search), the line that begins
with the last prompt is the command. For the others (dash, BusyBox, older shells) a prompt is a line on which output
stopped behind `$ `, `# `, `% ` or `> `, and the command is what stands behind it when the line ends. So it is for the
shells inside of tmux and screen, which pass marks on too late, as far as their window is as wide as the terminal.

What the screen does not tell: whether a line of zsh was given up with Ctrl-C, unless input was recorded; and the
commands inside of tmux that start a full-screen program, as tmux draws anew at once.
"""

from typing import NamedTuple

from auditor.screen import Mark, Screen
from auditor.screen.cells import PAD, WRAP
from auditor.transcript.budget import Budget
from auditor.transcript.prompt import Prompts, continues, looks_like_shell, starts_multiplexer

PAUSE = 30
"""Milliseconds without output after which a prompt is complete: a person does not type sooner, and a shell that is
still writing does not wait so long."""

_SMALL = 512
"""Bytes. A packet of less was not cut by the size of a read: the program stopped writing there."""

_MOST_ROWS = 512
"""Rows of one command that are kept once they have left the screen."""

_MOST_WRAPPED = 64
"""Rows above the cursor in which its line may begin."""

LONGEST = 64 * 1024
"""Characters of a command that are kept."""


class Command(NamedTuple):
    """`at`: milliseconds at which Enter was pressed; `text`: lines joined by newlines."""

    at: int
    text: str


class CommandLine:
    """Watches a screen; the methods are called as the recording goes on, `at` in milliseconds."""

    def __init__(self, screen: Screen, budget: Budget) -> None:
        self.commands: list[Command] = []
        """Complete ones, to be taken away."""
        self._screen = screen
        self._budget = budget
        self._prompts = Prompts()
        self._editing = False
        self._prompt: str | None = None
        self._right = ""
        self._above: list[str] = []
        self._undrained = 0
        self._left = 0
        self._begun = 0
        self._pending: Command | None = None
        self._pending_prompt = ""
        self._pending_row = 0
        self._armed = ""
        self._rearm = ""
        self._input = False
        self._key = ""
        self._entered = False
        self._multiplexer = False

    @property
    def waiting(self) -> bool:
        """Whether the next line feed may end a command; the text before it must be seen then."""
        return bool(self._armed)

    def marked(self, mark: Mark, at: int) -> None:
        """The shell said something, in the middle of its output."""
        if self._screen.alternate:
            return
        if mark == "edit-begin":
            self._begin()
        elif mark == "command":
            if not self._editing:
                self._begin()
            self._settle()
        elif self._editing and mark in ("edit-end", "output"):
            self._end(at)

    def typed(self, data: bytes) -> None:
        """Input was recorded. What is on the screen now stood there when the key was pressed."""
        self.paused()
        self._input = True
        keys = data.decode("latin-1")
        self._key = keys[-1:]
        if "\r" in keys or "\n" in keys:
            self._entered = True

    def paused(self) -> None:
        """No output came for a while: what stands on the cursor's line is complete."""
        if self._editing:
            if self._prompt is None:
                self._settle()
        else:
            self._arm(paused=True)

    def printed(self, size: int) -> None:
        """A packet of output of so many bytes is on the screen."""
        if self._editing:
            if self._prompt is None and self._prompts.ends(self._line()[0]):
                self._settle()
        elif size < _SMALL:
            self._arm(paused=False)
        if self._pending is not None and self._row() > self._pending_row + 1:
            self._flush()

    def line_feed(self, at: int, *, returned: bool) -> None:
        """A line feed comes next, while `waiting`. `returned`: two carriage returns stand before it."""
        line, rest = self._line()
        line = (line + rest).rstrip()
        screen = self._screen
        entered = self._entered or not self._input
        prompt, self._armed = self._armed, ""
        if not line.startswith(prompt):
            return
        if returned and len(screen.rows[screen.y]) == screen.columns:
            # So BusyBox wraps a command, its own return and line feed made \r\r\n by the terminal: it is one line.
            screen.mark_wrapped(screen.y)
            self._armed = prompt
            return
        if not entered:
            # The program goes on, or a completion is listed: the prompt comes again.
            self._rearm = prompt
            return
        self._entered = False
        self._rearm = prompt
        self._add(at, line[len(prompt) :].strip(), prompt, self._row() + 1)

    def scrolled(self, rows: list[str]) -> None:
        """Rows have left the screen at its top, and are taken from `Screen.scrolled`."""
        if self._editing and len(self._above) < _MOST_ROWS:
            self._above += rows[self._undrained :]
        self._undrained = 0
        self._left += len(rows)

    def finish(self) -> None:
        """The recording ends."""
        self._flush()

    def _begin(self) -> None:
        self._editing = True
        self._prompt = None
        self._armed = ""
        self._above = []
        self._undrained = len(self._screen.scrolled or ())
        self._begun = self._row()

    def _settle(self) -> None:
        """The prompt is what stands on the cursor's line, up to the cursor."""
        line, self._right = self._line()
        self._right = self._right.strip()
        self._prompt = self._prompts.of(line)
        self._prompts.remember(self._prompt)
        self._prompt_shown(self._prompt)

    def _prompt_shown(self, prompt: str) -> None:
        """A command that waited for its continuation is complete if this prompt does not ask for one."""
        if self._pending is None:
            return
        row = self._row()
        if not (continues(prompt) and prompt != self._pending_prompt and row - self._pending_row in (0, 1)):
            self._flush()

    def _end(self, at: int) -> None:
        """Enter was pressed, or the line was given up."""
        self._editing = False
        screen = self._screen
        key, self._key = self._key, ""
        if self._row() == self._begun and not screen.x:
            return
        rows = self._above + (screen.scrolled or [])[self._undrained :] + screen.rows[: screen.y + bool(screen.x)]
        size = 0
        first = len(rows)
        while first and size < LONGEST:
            first -= 1
            size += len(rows[first])
        lines = self._logical(rows[first:])
        prompt, text = self._behind_prompt(lines)
        if self._right and text.endswith(" " + self._right):
            text = text.removesuffix(self._right).rstrip()
        if key in ("\x03", "\x04"):
            text = "^C"
        self._add(at, text, prompt, self._row())

    def _behind_prompt(self, lines: list[str]) -> tuple[str, str]:
        """The last prompt among logical lines, and what follows it to the end."""
        prompt = self._prompt
        if prompt is None and lines:
            prompt = self._prompts.of(lines[-1])
        prompt = prompt or ""
        for index in reversed(range(len(lines))):
            line = lines[index]
            if line.startswith(prompt) or line == prompt.rstrip():
                return prompt, "\n".join([line[len(prompt) :], *lines[index + 1 :]]).rstrip()
        if not lines:
            return prompt, ""
        other = self._prompts.of(lines[-1])
        return prompt, "" if other == lines[-1] else lines[-1][len(other) :].rstrip()

    def _arm(self, *, paused: bool) -> None:
        """Looks for a prompt of a shell without marks on the cursor's line."""
        screen = self._screen
        if self._armed or self._editing or not screen.x or (screen.alternate and not self._multiplexer):
            return
        line, rest = self._line()
        if rest.strip():
            return
        if looks_like_shell(line):
            prompt = line
        elif paused and self._rearm and line.startswith(self._rearm):
            prompt = self._rearm
        else:
            return
        typed = line[len(prompt) :]
        if self._pending is not None and typed and typed.startswith(self._pending.text):
            # The line stands there again: not Enter ended it, but a list of completions.
            self._pending = None
        self._armed = prompt
        self._entered = False
        self._prompt_shown(prompt)

    def _add(self, at: int, text: str, prompt: str, row: int) -> None:
        """A line was entered or given up; `row`: where the cursor stands after it."""
        given_up = text.endswith("^C")
        if not self._screen.alternate:
            self._multiplexer = starts_multiplexer(text)
        if self._pending is not None and continues(prompt) and prompt != self._pending_prompt:
            text = f"{self._pending.text}\n{text}"
            prompt = self._pending_prompt
            self._pending = None
        else:
            self._flush()
        if text and not given_up:
            self._pending = Command(at, text[:LONGEST])
            self._pending_prompt = prompt
            self._pending_row = row

    def _flush(self) -> None:
        if self._pending is not None:
            at, text = self._pending
            self.commands.append(Command(at, self._budget.spend(text)))
            self._pending = None

    def _row(self) -> int:
        """The cursor's row, counted from the first that was ever on the screen."""
        return self._left + len(self._screen.scrolled or ()) + self._screen.y

    def _line(self) -> tuple[str, str]:
        """The logical line of the cursor, up to it and behind it."""
        screen = self._screen
        first = screen.y
        while first and screen.y - first < _MOST_WRAPPED and screen.rows[first - 1].endswith(WRAP):
            first -= 1
        joined = [screen.clusters.joined(row) for row in screen.rows[first : screen.y]]
        row = screen.rows[screen.y].removesuffix(WRAP).ljust(screen.x)
        before, behind = row[: screen.x], row[screen.x :]
        rest = screen.clusters.text(behind.lstrip(PAD))
        return "".join([*joined, screen.clusters.text(before + ".")[:-1]]), rest

    def _logical(self, rows: list[str]) -> list[str]:
        """Rows as logical lines; the last may go on where it ends."""
        clusters = self._screen.clusters
        lines = [""]
        for row in rows:
            if row.endswith(WRAP):
                lines[-1] += clusters.joined(row)
            else:
                lines[-1] += clusters.text(row)
                lines.append("")
        if not lines[-1]:
            lines.pop()
        return lines
