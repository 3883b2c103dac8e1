"""Session recording in FreeIPA: policies and recorded sessions as LDAP objects, and who is recorded how."""
