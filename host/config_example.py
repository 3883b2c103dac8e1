"""The configuration file that a new host gets: every setting with its meaning, and its default as a comment."""

import textwrap

from recorder.configuration.config import HOST_SECTION
from recorder.configuration.host_settings import HOST_TABLE
from recorder.configuration.setting_kinds import Flag, Number, Programs, Seconds, Setting


def config_example() -> str:
    """A TOML document that changes nothing."""
    parts = [
        f"# Settings of session recording on this host. Services read them at their start.\n\n[{HOST_SECTION}]\n"
    ]
    for setting in HOST_TABLE.values():
        if setting.in_file:
            help_lines = textwrap.wrap(setting.help, 110, break_long_words=False, break_on_hyphens=False)
            parts.append("".join(f"# {line}\n" for line in help_lines) + f"#{setting.name} = {_default(setting)}\n")
    return "\n".join(parts)


def _default(setting: Setting) -> str:
    """As TOML writes it."""
    if isinstance(setting, Programs):
        return "{}"
    text = setting.default_text() or setting.metavar
    if isinstance(setting, Flag | Seconds | Number):
        return text
    # Literal where it can be: patterns are full of backslashes.
    return f'"{text}"' if "'" in text else f"'{text}'" if "\\" in text else f'"{text}"'
