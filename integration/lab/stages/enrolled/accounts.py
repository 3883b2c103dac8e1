"""The lab's accounts. Runs on the server, in process and as its Directory Manager: a second, not one a command."""

from ipalib import api

PASSWORD = "Secret123"
# The lab is kept for longer than passwords are good for.
NEVER = "20371231000000Z"

api.bootstrap(context="server", in_server=True, confdir="/etc/ipa", log=None)
api.finalize()
api.Backend.ldap2.connect()
run = api.Command

for user in ("alice", "bob", "rita", "otto"):
    run.user_add(user, givenname=user.title(), sn="Lab", userpassword=PASSWORD)
for user in ("admin", "alice", "bob", "rita", "otto"):
    run.user_mod(user, krbpasswordexpiration=NEVER)

for group in ("contractors", "externals"):
    run.group_add(group)
run.host_add("other.lab.test", force=True)
for hostgroup in ("web", "production"):
    run.hostgroup_add(hostgroup)

for added in (
    run.group_add_member("contractors", user="bob"),
    run.group_add_member("externals", group="contractors"),
    run.hostgroup_add_member("web", host="client.lab.test"),
    run.hostgroup_add_member("production", hostgroup="web"),
):
    assert added["completed"] == 1, added["failed"]
