"""[store] in the configuration file: how an Elasticsearch store is reached, and as whom.

Secrets stand in files of their own, which only their reader may read, or in the environment: not in the
configuration, which every recorded user can read, nor on the command line, which everybody on the machine can.
"""

from collections.abc import Mapping

from recorder.configuration.setting_kinds import File, Setting, Text


class StoreSettings:
    """The values, as attributes; those that are not given have the defaults that stand here."""

    url = Text("", "the Elasticsearch server, such as https://search.example.test:9200, for --store elasticsearch")
    cloud_id = Text("", "instead of url: the id of a deployment in Elastic's cloud")
    ca_file = File("", "the certificate of the authority that signed the server's (default: the system's)")
    api_key_file = File("", "a file with an API key, as Elasticsearch gives it out encoded")
    username = Text("", "the user, where there is no API key")
    password_file = File("", "a file with the user's password")
    ledger = File("", "the ledger of this store: who reads it from the terminal is recorded there")

    def __init__(self, values: Mapping[str, object] | None = None) -> None:
        # Setting has no __set__, so a value in the instance's own dictionary hides the default.
        vars(self).update(values or {})


STORE_TABLE: dict[str, Setting] = {
    name: value for name, value in vars(StoreSettings).items() if isinstance(value, Setting)
}
"""Every setting by name, in the order in which the man page shows them."""
