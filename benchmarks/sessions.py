"""Terminal sessions as people have them, made up: the same ones each time, and as many as wanted.

Listings with colour, logs, compilers, version control, a process table, typing with corrections. Words are drawn as a
language has them (a few very often, most of them rarely), and numbers, times and hashes are new ones each time, so
that an index has as much to keep as it would from real output.
"""

import random
from collections.abc import Iterator

PROMPT = "\x1b[01;32malice@web1\x1b[00m:\x1b[01;34m~/src\x1b[00m$ "
_LETTERS = "anarbacodeelfigahoinkalominooretequrasetaulvowexizothersten"


class Sessions:
    """Makes the output of sessions; `seed` chooses which."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        syllables = [_LETTERS[index : index + 2] for index in range(0, len(_LETTERS), 2)]
        words = {"".join(self._random.choices(syllables, k=self._random.randint(1, 5))) for _ in range(60_000)}
        self._words = sorted(words)
        self._random.shuffle(self._words)
        self._weights = [0.0]
        for rank in range(1, len(self._words) + 1):
            self._weights.append(self._weights[-1] + 1 / (rank + 3))
        del self._weights[0]

    def output(self, size: int) -> bytes:
        """About `size` bytes of one session."""
        pick = self._random.choice
        makers = (self._listing, self._log, self._build, self._history, self._processes, self._prose)
        parts: list[str] = []
        length = 0
        while length < size:
            screen = [PROMPT, self._typed(), *pick(makers)(self._random.randint(5, 200))]
            parts += screen
            length += sum(map(len, screen))
        return "".join(parts).encode()

    def words(self, count: int) -> list[str]:
        """Words as they are drawn for the sessions."""
        return self._random.choices(self._words, cum_weights=self._weights, k=count)

    def _typed(self) -> str:
        words = self.words(3)
        return f"{words[0]} -{words[1][:1]} x\b \b{words[2]}\r\n"

    def _listing(self, rows: int) -> Iterator[str]:
        number = self._random.randrange
        yield f"total {number(9999)}\r\n"
        for name in self.words(rows):
            colour = "01;34" if number(4) == 0 else "0"
            yield (
                f"-rw-r--r-- 1 root root {number(10**5):7} Jul {number(1, 29):2} {number(24):02}:{number(60):02} "
                f"\x1b[{colour}m{name}-{number(99)}\x1b[0m\r\n"
            )

    def _log(self, rows: int) -> Iterator[str]:
        number = self._random.randrange
        for _ in range(rows):
            words = self.words(8)
            yield (
                f"Mar {number(1, 29):2} {number(24):02}:{number(60):02}:{number(60):02} web1 "
                f"{words[0]}[{number(3000)}]: "
                f"{words[1]} from 10.{number(4)}.{number(256)}.{number(256)} {' '.join(words[2:])}\r\n"
            )

    def _build(self, rows: int) -> Iterator[str]:
        for _ in range(rows):
            words = self.words(5)
            yield f"[{self._random.randrange(100):3}%] Building C object {words[0]}/{words[1]}/{words[2]}.c.o\r\n"

    def _history(self, rows: int) -> Iterator[str]:
        for _ in range(rows // 2):
            yield f"\x1b[33m{self._random.getrandbits(28):07x}\x1b[m {' '.join(self.words(7))}\r\n"

    def _processes(self, rows: int) -> Iterator[str]:
        yield "\x1b[H\x1b[2J\x1b[7m    PID USER      PR  NI    VIRT    RES  %CPU  COMMAND\x1b[0m\r\n"
        number = self._random.randrange
        for name in self.words(min(rows, 23)):
            yield (
                f"{number(3000):7} root      20   0 {number(10**4) * 4:7} {number(10**3) * 4:6} {number(100):5}  "
                f"{name}\x1b[K\r\n"
            )

    def _prose(self, rows: int) -> Iterator[str]:
        for _ in range(rows):
            yield " ".join(self.words(11)) + "\r\n"
