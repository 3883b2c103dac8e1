"""The command `sessrec`: finds the verb's module and runs it.

Verbs are named here as text and imported one at a time: a recorded host may have `recorder` only, and
`sessrec rec` stands between a person and the shell, where every import is waited for.
"""

import sys
from importlib import import_module

VERBS = {
    "rec": "recorder.commands.rec",
    "key": "recorder.commands.key",
    "verify": "auditor.commands.verify",
    "ingest": "auditor.commands.ingest",
    "list": "auditor.commands.list",
    "show": "auditor.commands.show",
    "search": "auditor.commands.search",
    "play": "auditor.commands.play",
    "export": "auditor.commands.export",
    "delete": "auditor.commands.delete",
}
