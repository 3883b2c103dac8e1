# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What FreeIPA would refuse, so that a task is refused before it changes anything, and in check mode too.

The server has the last word: these are its rules, and a test holds that they stay the same.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Mapping

from ansible_collections.freeipa.session_recording.plugins.module_utils.settings import (
    MAX_HEARTBEAT,
    MAX_ORDER,
    MIN_HEARTBEAT,
    RECORDING,
)

_ORIGIN = re.compile(r"https://[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:[1-9][0-9]{0,4})?")
_MAX_NAME, _MAX_NOTICE, _MAX_PATH = 255, 1000, 4096
"""Characters, characters, bytes."""


class Refused(Exception):
    """A task asks for what cannot be. The text names the option and says what it must be."""


def check_policy(policy: Mapping[str, Any]) -> None:
    """A policy as it would become. Raises Refused."""
    _check("name", policy["name"], _check_name)
    for option in ("description", "order"):
        if option in policy:
            _check(option, policy[option], _check_order if option == "order" else _check_spaces)
    for category, kinds in (("usercategory", ("user", "group")), ("hostcategory", ("host", "hostgroup"))):
        named = [kind for kind in kinds if policy.get(kind)]
        if policy.get(category) and named:
            raise Refused(f"{category}: all stands for every {kinds[0]}: clear it, or {' and '.join(named)}")
    if policy.get("recordingaction") == "exempt":
        settings = [option for option in RECORDING if policy.get(option)]
        if settings:
            raise Refused(f"recordingaction: an exempt policy records nothing: clear {', '.join(settings)}")
    check_recording(policy)


def check_config(config: Mapping[str, Any]) -> None:
    """The configuration as it would become. Raises Refused."""
    if "heartbeat" in config:
        _check("heartbeat", config["heartbeat"], _check_heartbeat)
    if "player_url" in config:
        _check("player_url", config["player_url"], _check_origin)
    check_recording(config)


def check_recording(settings: Mapping[str, Any]) -> None:
    """What policies and the configuration have in common. Raises Refused."""
    for option in ("capture", "audit"):
        if "none" in settings.get(option, ()) and len(settings[option]) > 1:
            raise Refused(f"{option}: none stands alone: remove it, or the others")
    paths = {option: settings.get(option, ()) for option in ("audit_changes", "audit_reads")}
    for option, several in paths.items():
        for path in several:
            _check(f"{option}: {shown(path)}", path, _check_path)
    if "none" in settings.get("audit", ()) and any(paths.values()):
        raise Refused("audit: none stands alone: remove it, or the audited paths")
    if "notice" in settings:
        _check("notice", settings["notice"], _check_notice)


def shown(value: str) -> str:
    """A value as a message quotes it: short and on one line."""
    text = value if len(value) <= 60 else value[:57] + "..."
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text) + '"'


def _check(option: str, value: Any, check: Callable[[Any], None]) -> None:
    try:
        check(value)
    except ValueError as error:
        raise Refused(f"{option}: {error}") from None


def _check_name(name: str) -> None:
    if not name or name != name.strip():
        raise ValueError("must not be empty, nor begin or end with a space")
    if len(name) > _MAX_NAME:
        raise ValueError(f"must have at most {_MAX_NAME} characters")
    _check_printable(name)


def _check_notice(notice: str) -> None:
    if len(notice) > _MAX_NOTICE:
        raise ValueError(f"must have at most {_MAX_NOTICE} characters")
    _check_spaces(notice)
    _check_printable(notice)


def _check_path(path: str) -> None:
    _check_printable(path)
    if not path.startswith("/"):
        raise ValueError("must be absolute, as /etc")
    if len(path.encode()) > _MAX_PATH:
        raise ValueError(f"must have at most {_MAX_PATH} bytes")
    if path != "/" and any(name in ("", ".", "..") for name in path[1:].split("/")):
        raise ValueError('must be written without "//", "." or ".." in it and without "/" at its end, as /var/lib')
    _check_spaces(path)


def _check_origin(url: str) -> None:
    if not _ORIGIN.fullmatch(url) or len(url) > _MAX_NAME:
        raise ValueError("must be https://HOST or https://HOST:PORT, in lower case")


def _check_order(order: int) -> None:
    if not 0 <= order <= MAX_ORDER:
        raise ValueError(f"must be a whole number from 0 to {MAX_ORDER}")


def _check_heartbeat(seconds: int) -> None:
    if not MIN_HEARTBEAT <= seconds <= MAX_HEARTBEAT:
        raise ValueError(f"must be a whole number from {MIN_HEARTBEAT} to {MAX_HEARTBEAT}, in seconds")


def _check_spaces(text: str) -> None:
    # FreeIPA's own rule for every text.
    if text != text.strip():
        raise ValueError("must not begin or end with a space")


def _check_printable(text: str) -> None:
    if not text.isprintable():
        raise ValueError("must have printable characters only")
