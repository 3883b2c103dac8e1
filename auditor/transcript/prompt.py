"""What a prompt looks like: where it ends, and which ones ask for the rest of an unfinished command."""

import re

_ENDS = re.compile(r"[$#%>❯»➜λ:)\]] ?$")
_SHELL = re.compile(r"(?:(?<![0-9])%|[$#>]) $")
_SPLITS = re.compile(r"(.*?[$#%>❯»➜λ] +)\S")
_CONTINUES = re.compile(
    r"(?:> |\.\.\. |(?:(?:[dbs]?quote|pipe|cmdsubst|for|foreach|while|until|repeat|if|then|else|elif|case|select"
    r"|function|subsh|cursh|braceparam|mathsubst|math|heredocd?|array|cond|cmdand|cmdor|errquote|always) ?)+> ?)"
)

_MULTIPLEXER = re.compile(r"(?:^|[;&|(]\s*|\b(?:exec|sudo|env)\s+)(?:tmux|screen|byobu)\b")

_LONGEST = 300
"""Characters; a longer line is not a prompt."""

_REMEMBERED = 8


def looks_like_shell(line: str) -> bool:
    """Whether a line up to the cursor can be the prompt of a shell that says nothing of itself."""
    return len(line) <= _LONGEST and _SHELL.search(line) is not None


def continues(prompt: str) -> bool:
    """Whether this is the second prompt (PS2) of bash, dash, zsh or Python."""
    return _CONTINUES.fullmatch(prompt) is not None


def starts_multiplexer(command: str) -> bool:
    """Whether shells will run inside of the full-screen program that this command starts."""
    return _MULTIPLEXER.search(command) is not None


class Prompts:
    """The prompts that a session has shown, to tell a prompt from what was typed behind it."""

    def __init__(self) -> None:
        self._known: list[str] = []

    def ends(self, line: str) -> bool:
        """Whether the line up to the cursor is a whole prompt, nothing typed behind it."""
        return line in self._known or (len(line) <= _LONGEST and _ENDS.search(line) is not None)

    def of(self, line: str) -> str:
        """The prompt at the start of a line in which something may have been typed already."""
        if not self.ends(line):
            for prompt in reversed(self._known):
                if line.startswith(prompt):
                    return prompt
            found = _SPLITS.match(line[:_LONGEST])
            if found is not None:
                return found[1]
        return line

    def remember(self, prompt: str) -> None:
        """A prompt was shown."""
        if prompt and len(prompt) <= _LONGEST:
            others = [known for known in self._known if known != prompt]
            self._known = [*others[1 - _REMEMBERED :], prompt]
