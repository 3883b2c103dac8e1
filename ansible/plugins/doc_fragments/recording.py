# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a session is recorded: the options that RECORDING of settings.py has."""

from __future__ import annotations


class ModuleDocFragment:
    """The part of the documentation."""

    DOCUMENTATION = r"""
options:
  capture:
    description:
      - What of a session is recorded. C(none) stands alone.
      - C(input) is what is typed, C(command-bytes) is what goes through a session without a terminal.
    type: list
    elements: str
    choices: [output, input, resize, command-bytes, none]
  audit:
    description:
      - What is audited during a session, programs that are run or network connections. C(none) stands alone.
      - I(audit), I(audit_changes) and I(audit_reads) are one setting. A policy that has one of them takes none of
        them from the configuration.
    type: list
    elements: str
    choices: [exec, network, none]
  audit_changes:
    description: Absolute paths under which changes of files are audited.
    type: list
    elements: str
  audit_reads:
    description: Absolute paths under which reads of files are audited.
    type: list
    elements: str
  notice:
    description: A line that is shown at the start of a recorded session, of at most 1000 characters.
    type: str
  on_failure:
    description: Whether a session that cannot be recorded is refused.
    type: str
    choices: [deny, allow, ""]
"""
