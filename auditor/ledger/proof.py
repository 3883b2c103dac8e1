"""What a verdict proves and what it does not, in sentences for people."""

from typing import NamedTuple

from auditor.ledger.verdicts import Checked
from auditor.output.moments import clock
from auditor.verify import Verdict


class Proof(NamedTuple):
    """Sentences."""

    proved: list[str]
    not_proved: list[str]


def proof(checked: Checked) -> Proof:
    """What follows from what verifying found."""
    return Proof(_proved(checked), _not_proved(checked))


def _proved(checked: Checked) -> list[str]:
    if not checked.proven:
        return []
    whole = checked.verdict is Verdict.COMPLETE
    which = f"All {checked.proven} messages, from the first to the end of the session," if whole else _range(checked)
    said = [f"{which} are as they were written: none was changed, left out, moved or added."]
    if checked.key_host:
        said.append(f"The key of {checked.key_host} has signed them ({checked.key}).")
    else:
        said.append(f"Key {checked.key} has signed them, which is trusted here and bound to no host.")
    if checked.first_signed:
        said.append(
            f"The messages with signatures say that they are of {clock(checked.first_signed)} to "
            f"{clock(checked.last_signed)}; the key was created {clock(checked.key_created)}."
        )
    return said


def _range(checked: Checked) -> str:
    return "Message 1" if checked.proven == 1 else f"Messages 1 to {checked.proven}"


def _not_proved(checked: Checked) -> list[str]:
    said = []
    if checked.verdict is Verdict.UNSIGNED:
        said.append(f"That anything in it is as it was written: {checked.reason}.")
    elif checked.verdict is Verdict.TAMPERED:
        said.append(f"What stands from message {checked.at} on: {checked.reason}.")
        if checked.at is not None and checked.at - 1 > checked.proven:
            said.append(
                f"Messages {checked.proven + 1} to {checked.at - 1}: they fit, but no signature is over them."
            )
        said.append("Whether somebody changed it, or it was damaged on its way.")
    elif checked.verdict is Verdict.TRUNCATED:
        said.append(f"What came after message {checked.proven}: {checked.reason}.")
        said.append("Whether the session goes on, its recorder was killed, or somebody cut the recording.")
    if checked.proven and not checked.key_host:
        said.append("On which host it was recorded: the key is bound to none.")
    return [
        *said,
        "That whoever holds the key was honest: a host that was taken over signs what it likes.",
        "That the clock of the host was right.",
        "That no other recording is missing as a whole.",
        "Alerts: they were derived from the recording, and are not part of it.",
    ]
