"""The configuration file: settings, or an error with a line that exists."""

import re

from recorder.configuration import config
from recorder.configuration.settings import TABLE
from tests import fuzz

SEEDS = [
    b"[rec]\nlatency = 0.5\nspool = '4M'\ninput = true\n",
    b"rec.latency = 9\n",
    b"rec = { sink = 'file', payload = 65536 }\n",
    b'[rec]\nnotice = """\\\nWelcome"""\nx = [\n1,\n{ a.b = 1979-05-27T07:32:00Z }]\n[[rec.y]]\n',
]


def target(data):
    """Parse; an error names a line of the file and is one line itself."""
    try:
        values = config.parse(data, "c.toml")
    except config.ConfigError as error:
        line = re.match(r"c\.toml:(\d+): (.*)", str(error))
        if not line or not 1 <= int(line[1]) <= data.count(b"\n") + 1:
            raise AssertionError(f"no such line: {error}") from error
        return re.sub(r"\d+|'.*?'|\".*?\"", "", line[2])[-30:]
    assert set(values) <= {setting.name for setting in TABLE.values() if setting.in_file}
    return frozenset(values)


if __name__ == "__main__":
    fuzz.main(target, SEEDS)
