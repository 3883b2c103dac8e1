"""Who has the roles of session recording. Runs on the server."""

from ipalib import api

api.bootstrap(context="server", in_server=True, confdir="/etc/ipa", log=None)
api.finalize()
api.Backend.ldap2.connect()
for role, user in (("Session Recording Administrator", "rita"), ("Session Recording Auditor", "otto")):
    added = api.Command.role_add_member(role, user=user)
    assert added["completed"] == 1, added["failed"]
